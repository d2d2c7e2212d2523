"""Words for the sentences of meaning_pairs.py. The probe set (probe.tsv) is made of other words: tests check it."""

PEOPLE = """actor artist baker banker barber boxer boy bride butcher captain carpenter chef child clerk coach composer
cook cowboy customer dancer dentist designer director diver driver editor emperor engineer expert farmer father
firefighter fisherman friend gardener general girl guard guest guide hero host hunter husband inspector inventor judge
knight landlord lawyer leader librarian lieutenant maid manager mayor mechanic merchant messenger miner minister
mother musician officer owner painter passenger pilot player poet policeman politician president priest
prince princess prisoner producer programmer publisher queen referee reporter sailor scientist secretary senator
servant sheriff sister spy supplier surgeon tailor teacher tenant tourist trader traveller tutor uncle
waiter warrior winner wife woman worker writer""".split()

ANIMALS = """bear bee bull camel cat chicken cow crab crow deer donkey duck eagle elephant fish fly fox frog goat
goose hen horse kitten lamb lion lizard monkey mouse owl ox parrot pig pigeon pony puppy rabbit rat rooster seal shark
sheep snake spider squirrel tiger turkey turtle whale wolf worm""".split()

NAMES = """Adam Alice Amy Andrew Anna Arthur Ben Betty Brian Carol Charles Chris Claire Daniel David Diana Edward Ella
Emily Emma Eric Eva Frank Fred George Grace Harry Helen Henry Jack James Jane Jason Jim Joe John Julia Karen Kate Kevin
Laura Lily Linda Lisa Lucy Maria Mark Martin Mary Michael Mike Nancy Nick Olivia Oscar Paul Peter Philip Rachel Richard
Robert Rose Ruth Sam Sarah Simon Sophie Steve Susan Thomas Tim Victor Walter William""".split()

COMPANIES = ["the bank", "the city", "the company", "the factory", "the government", "the hospital", "the museum",
             "the newspaper", "the school", "the shop", "the university", "the army", "the union"]

THINGS = """apple bag basket bell bench bicycle boat book bottle bowl box branch bread bridge bucket camera card
carpet chair clock coat coin computer curtain desk door drum envelope fence flag flower fork gate glass guitar
hammer hat house jacket kitchen knife lake ladder lamp letter machine map mirror mountain needle notebook
painting pan parcel pencil photograph piano picture pillow plate pot radio ring river road rope screen ship
shirt shoe spoon statue stone sword table ticket tool tower train tree truck umbrella violin wall watch wheel
window""".split()

# the past participle, which is also the past tense, or participle:past; _ stands for a space
VERBS = """accused admired adopted arrested asked avoided beaten:beat blamed bullied called carried
caught comforted contacted corrected criticised embarrassed encouraged entertained examined
expected fed fired forgiven:forgave found frightened greeted guided hated heard helped hidden:hid hired
hugged ignored impressed insulted interrupted interviewed invited kicked kissed known:knew led loved
married mentioned mocked named noticed obeyed phoned praised protected pulled
punched pushed questioned recognised remembered replaced rescued respected robbed saved shot
shouted_at smelled sponsored struck supported surprised taught thanked threatened tickled touched traced
trained treated tricked trusted understood:understood visited warned watched welcomed""".split()

SHORT_VERBS = """answer argue arrive bake call clap climb complain cook cough cry dance draw drive escape fish fly help
hide hurry jump knit laugh leave lie listen march paint pay play pray promise protest read remember rest return ride run
shout sing skate sleep smile smoke sneeze speak stay swim talk travel vote wait wake walk whisper win work write""".split()

COMPARATIVES = """brighter:darker cheaper:dearer cleaner:dirtier colder:hotter deeper:shallower
drier:wetter faster:slower fatter:thinner fresher:staler fuller:emptier happier:sadder higher:lower
kinder:crueller slenderer:stouter louder:quieter richer:poorer calmer:wilder sharper:blunter smarter:duller
thicker:slimmer tidier:messier weaker:stronger wider:narrower wiser:sillier worse:better""".split()

OPPOSITES = """absent:present alive:dead asleep:awake awful:wonderful bad:good bitter:sweet boring:exciting busy:idle
calm:nervous clean:dirty clever:stupid cold:hot common:rare complete:incomplete correct:wrong cruel:kind
dark:bright deep:shallow different:identical difficult:easy dry:wet empty:full equal:unequal fair:unfair
famous:unknown fast:slow foreign:native free:occupied fresh:stale friendly:hostile frozen:melted generous:selfish
guilty:innocent happy:sad healthy:sick heavy:light honest:dishonest huge:tiny humble:proud important:unimportant
legal:illegal long:short loose:tight loud:quiet lucky:unlucky modern:ancient noisy:silent normal:strange
polite:rude poor:rich possible:impossible private:public ready:unready rough:smooth sharp:blunt strong:weak
successful:unsuccessful thick:thin true:false useful:useless visible:invisible warm:cool""".split()

# X did this to/with Y  =  Y did that from/to/with X
CONVERSES = [
    ("{x} supplied {y} with {t}", "{y} obtained {t} from {x}"), ("{x} lent {t} to {y}", "{y} borrowed {t} from {x}"),
    ("{x} gave {t} to {y}", "{y} got {t} from {x}"), ("{x} mailed {t} to {y}", "{y} received {t} from {x}"),
    ("{x} taught {y} everything", "{y} learned everything from {x}"), ("{x} handed {t} to {y}", "{y} accepted {t} from {x}"),
    ("{x} is married to {y}'s parent", "{y}'s parent is married to {x}"), ("{x} employs {y}", "{y} is employed by {x}"),
    ("{x} owes {y} money", "{y} is owed money by {x}"), ("{x} lost the game to {y}", "{y} beat {x} in the game"),
    ("{x} is the parent of {y}", "{y} is the child of {x}"), ("{x} is the owner of {y}", "{y} belongs to {x}"),
    ("{x} scared {y}", "{y} was afraid of {x}"), ("{x} ran away from {y}", "{y} chased {x} away"),
    ("{x} followed {y} back", "{y} was ahead of {x} on the way back"), ("{x} pleased {y}", "{y} was happy with {x}"),
]

PLACES = [("{x} is above {y}", "{y} is below {x}"), ("{x} is in front of {y}", "{y} is behind {x}"),
          ("{x} is on top of {y}", "{y} is underneath {x}"), ("{x} is inside {y}", "{y} holds {x}"),
          ("{x} is higher up than {y}", "{y} is lower down than {x}"), ("{x} is in {y}", "{y} has {x} in it"),
          ("{x} covers {y}", "{y} is covered by {x}"), ("{x} supports {y}", "{y} rests on {x}")]

ADVERBS = ["yesterday", "last night", "at the party", "in the street", "near the station", "again",
           "once", "on Monday", "in the park", "during the show", "many times", "last year"]

ADJECTIVES = """angry brave brown careful cheerful clever famous foreign gentle green grey hungry lonely nervous
proud quiet rich small strange tall tired ugly white wild yellow young""".split()

#include "index/terms/stop_words.h"

namespace kith::index {
namespace {

constexpr StopWords kStopWords[] = {
    {"dutch",
     "aan als bij dan dat de der die dit door een en er had heb heeft het hij hoe ik in is je kan "
     "maar "
     "me met mij naar niet nog nu of om ook op over te tot uit van voor waar was wat we wel werd "
     "wie "
     "wordt ze zich zijn zo zou"},
    {"english",
     "a an and are as at be been but by for from had has have he her his i if in into is it its no "
     "not "
     "of on or she so such that the their them then there these they this to was we were which "
     "will "
     "with you"},
    {"french",
     "a au aux avec ce ces cette dans de des du elle elles en est et eux il ils je la le les leur "
     "leurs lui ma mais me mes mon ne nos notre nous on ont ou par pas pour qu que qui sa se ses "
     "son "
     "sont sur ta te tes ton tu un une vos votre vous y à été être"},
    {"german",
     "aber als am an auch auf aus bei bin bis bist da das dass dem den der des die doch du durch "
     "ein "
     "eine einem einen einer eines er es für hat haben hatte ich ihr im in ist kann mit nach nicht "
     "noch nur oder sich sie sind so um und uns unter vom von vor war was wenn werden wie wir wird "
     "zu "
     "zum zur über"},
    {"italian",
     "a ad agli ai al alla alle anche che chi ci come con da dal dalla degli dei del della delle "
     "di e "
     "ed gli ha hanno i il in io la le lo ma mi ne nei nel nella non o per più se si sono su sul "
     "sulla "
     "tra tu un una uno è"},
    {"portuguese",
     "a ao aos as com como da das de do dos e ela elas ele eles em entre essa esse esta este eu "
     "foi há "
     "isso já lhe mais mas me mesmo na nas no nos não o os ou para pela pelo por quando que se sem "
     "ser "
     "seu sua são também te um uma à às é"},
    {"spanish",
     "a al como con cuando de del desde donde el ella ellas ellos en entre era es esta este fue ha "
     "han "
     "hay la las le les lo los me mi muy más ni no nos o para pero por porque que qué se ser si "
     "sin "
     "sobre son su sus también te un una uno y ya yo él"},
};

}  // namespace

std::span<const StopWords> AllStopWords() { return kStopWords; }

}  // namespace kith::index

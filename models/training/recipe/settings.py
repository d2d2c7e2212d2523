"""What one training run was asked for; every stage gets this."""

import dataclasses
import pathlib
import time


@dataclasses.dataclass
class Settings:
    data: pathlib.Path
    out: pathlib.Path
    threads: int
    device: str
    seed: int
    vocabulary_size: int = 16000
    hidden_size: int = 256
    num_layers: int = 2
    num_heads: int = 4
    intermediate_size: int = 1024
    max_seq_length: int = 256
    minutes: float = 0.0  # of one sitting of layers (0: no end), or of mlm (0: its default)

    def log(self, line):
        stamped = f"{time.strftime('%H:%M:%S')} {line}"
        print(stamped, flush=True)
        with open(self.out / "training.log", "a", encoding="utf-8") as log:
            log.write(stamped + "\n")

"""Runs the conformance tests: run.py PATH-OF-KITHD [unittest's arguments and names of tests].

    tests/conformance/run.py build/dev/bin/kithd                          # all
    tests/conformance/run.py build/dev/bin/kithd -v search_test           # one file, verbosely
    tests/conformance/run.py build/dev/bin/kithd search_test.SearchTest.test_...

A real kithd is started on a free port, over a new data folder, with the bundled model, and asked
through client/python, or by raw bytes where the client could not be wrong enough.
"""

import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
CLIENT = HERE.parent.parent / "client" / "python"


def main() -> None:
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    kithd = pathlib.Path(sys.argv[1]).resolve()
    if not os.access(kithd, os.X_OK):
        sys.exit(f"run.py: {kithd} is no program")
    for name in list(os.environ):
        # A proxy is not on the way to this machine; options come from the tests alone.
        if name.lower().endswith("_proxy") or name.startswith("KITH_"):
            del os.environ[name]
    subprocess.run([str(CLIENT / "generate")], check=True)
    sys.path[:0] = [str(HERE), str(CLIENT)]
    sys.dont_write_bytecode = True

    import harness

    harness.KITHD = kithd
    arguments = sys.argv[2:]
    names = [item for item in arguments if not item.startswith("-")]
    if not names:
        arguments += ["discover", "-s", str(HERE), "-p", "*_test.py"]
    program = unittest.main(module=None, argv=["run.py", *arguments], exit=False, verbosity=1)
    harness.stop_shared_server()
    sys.exit(0 if program.result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()

"""Draw pictures from text: python run.py prompt="a red heart"; --help shows the rest."""

import _signal  # built in; `signal` takes longer, while Ctrl-C would print a traceback
import os
import sys

if __name__ == "__main__":
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # until guided.__main__ handles it
    # Only `guided` itself is imported from here or from the current folder: a file torch.py may
    # have come with somebody's pictures. `os` is loaded before any program begins.
    root = os.path.dirname(os.path.realpath(__file__))
    sys.path[:] = [place for place in sys.path if os.path.realpath(place) != root]
    sys.path.insert(0, os.path.join(root, "guided", "loader"))
    from guided.__main__ import main

    sys.exit(main())

"""Load the package `guided` of this file, and no other module of the folder that contains it.

For sys.path and PYTHONPATH: with this folder in them `import guided` works, while other modules
beside the package are not found.
"""

import os
import sys
from importlib.machinery import PathFinder
from importlib.util import module_from_spec

if __name__ == "guided":
    package = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    spec = PathFinder.find_spec("guided", [os.path.dirname(package)])
    sys.modules["guided"] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules["guided"])

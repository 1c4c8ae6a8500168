"""Run the chaos suite: python -m tests.chaos [--rounds N] [--only NAME …] [--sabotage NAME] [--database …] [--short]"""

import sys

from tests.chaos.suite import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Run the cases of the modules named on the command line; for MicroPython, which has no pytest.

    micropython run_cases.py PY_APP_FOLDER CASES_FOLDER MODULE...
"""

import sys

sys.path[:0] = sys.argv[1:3]
count = 0
for name in sys.argv[3:]:
    module = __import__(name)
    for case in sorted(dir(module)):
        if case.startswith("case_"):
            try:
                getattr(module, case)()
            except BaseException:
                print("failed:", name, case)
                raise
            count += 1
print("passed:", count)

# A small unittest for the board: as much of the module as upstream's tests use, with the summary that
# run-tests.py reads. The full one lives in micropython-lib, which is not part of this project.
import sys


class SkipTest(Exception):
    pass


class _Raises:
    def __init__(self, expected):
        self.expected = expected
        self.exception = None

    def __enter__(self):
        return self

    def __exit__(self, kind, value, traceback):
        if kind is None:
            raise AssertionError("nothing was raised")
        self.exception = value
        return issubclass(kind, self.expected)


class TestCase:
    def setUp(self):
        pass

    def tearDown(self):
        pass

    def fail(self, message="failed"):
        raise AssertionError(message)

    def skipTest(self, reason):
        raise SkipTest(reason)

    def assertTrue(self, value, message=None):
        if not value:
            self.fail(message or "%r is not true" % (value,))

    def assertFalse(self, value, message=None):
        self.assertTrue(not value, message or "%r is true" % (value,))

    def assertEqual(self, a, b, message=None):
        self.assertTrue(a == b, message or "%r != %r" % (a, b))

    def assertNotEqual(self, a, b, message=None):
        self.assertTrue(a != b, message or "both are %r" % (a,))

    def assertLessEqual(self, a, b, message=None):
        self.assertTrue(a <= b, message or "%r > %r" % (a, b))

    def assertIn(self, a, b, message=None):
        self.assertTrue(a in b, message or "%r is not in %r" % (a, b))

    def assertIs(self, a, b, message=None):
        self.assertTrue(a is b, message or "%r is not %r" % (a, b))

    def assertIsNone(self, a, message=None):
        self.assertIs(a, None, message)

    def assertIsInstance(self, a, kind, message=None):
        self.assertTrue(isinstance(a, kind), message or "%r is no %r" % (a, kind))

    def assertRaises(self, expected, function=None, *args, **kwargs):
        if function is None:
            return _Raises(expected)
        with _Raises(expected):
            function(*args, **kwargs)


def skip(reason):
    def decorate(thing):
        def skipped(self):
            raise SkipTest(reason)

        return skipped

    return decorate


def skipIf(condition, reason):
    return skip(reason) if condition else lambda thing: thing


def skipUnless(condition, reason):
    return skipIf(not condition, reason)


def main(module="__main__"):
    ran = skipped = failures = errors = 0
    for case in [c for c in vars_of(module) if isinstance(c, type) and issubclass(c, TestCase) and c is not TestCase]:
        if hasattr(case, "setUpClass"):
            case.setUpClass()
        for name in sorted(n for n in dir(case) if n.startswith("test")):
            test = case()
            ran += 1
            result = "ok"
            try:
                test.setUp()
                getattr(test, name)()
            except SkipTest as reason:
                skipped += 1
                result = "skipped: %s" % (reason,)
            except AssertionError as error:
                failures += 1
                result = "FAIL: %s" % (error,)
            except Exception as error:
                errors += 1
                result = "ERROR"
                sys.print_exception(error)
            finally:
                test.tearDown()
            print(name, "...", result)
        if hasattr(case, "tearDownClass"):
            case.tearDownClass()
    print("-" * 70)
    print("Ran %d tests" % ran)
    print()
    if failures or errors:
        print("FAILED (failures=%d, errors=%d)" % (failures, errors))
    else:
        print("OK" + (" (skipped=%d)" % skipped if skipped else ""))


def vars_of(module):
    m = __import__(module) if isinstance(module, str) else module
    return [getattr(m, name) for name in dir(m)]

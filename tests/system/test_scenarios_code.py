"""Which edit of which block of a source runs which test files."""

from house import main
from scenes import Table, cached, either, scene, shows, write

M = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"
F = shows("m.f()", "import m")
G = shows("m.g()", "import m")
TWO = {"m.py": M, "test_f.py": F, "test_g.py": G}
BOTH = {"test_f.py": 1, "test_g.py": 2}


def edit(old, new, path="m.py", source=M):
    assert old in source
    return write(path, source.replace(old, new))


def user(source, look, first="import m"):
    """One module and its one user."""
    return {"m.py": source, "test_a.py": shows(look, first)}


def turned(source, old, new, look, value, first="import m", **marks):
    """SOURCE's only user shows VALUE once OLD is NEW."""
    return scene(user(source, look, first), edit(old, new, source=source), {"test_a.py": value},
                 write("m.py", source), {"test_a.py": marks.pop("before")}, **marks)


class Layout(Table):
    """What leaves no trace in the blocks runs nobody."""

    SCENES = {
        "a_comment": scene(TWO, write("m.py", "# new\n" + M), {}),
        "a_comment_in_a_function": scene(TWO, edit("return 1", "return 1  # one"), {}),
        "a_comment_that_goes": scene(dict(TWO, **{"m.py": "# old\n" + M}), write("m.py", M), {}),
        "blank_lines": scene(TWO, edit("\n\n\n", "\n\n\n\n\n"), {}),
        "brackets_and_line_breaks": scene(
            TWO, edit("return 1", "return (\n        1\n    )"), {},
            costs="some line breaks show in the bytecode"),
        "deeper_indentation": scene(TWO, edit("    return 1", "        return 1"), {}),
        "line_ends": scene(TWO, write("m.py", M.replace("\n", "\r\n")), {}),
        "quotes": scene(user("def f():\n    return 'a'\n", "m.f()"),
                        write("m.py", "def f():\n    return \"a\"\n"), {}),
        "the_type_of_a_local_variable": scene(
            user("def f():\n    x = 1\n    return x\n", "m.f()"),
            write("m.py", "def f():\n    x: int = 1\n    return x\n"), {}),
        "the_same_content_again": scene(TWO, write("m.py", M, "place"), write("m.py", M), {}),
        "a_comment_in_a_package": scene(
            {"app/__init__.py": "", "app/m.py": M,
             "test_a.py": shows("m.f()", "from app import m")},
            write("app/m.py", "# new\n" + M), {}, write("app/__init__.py", "# new\n"), {}),
        "a_comment_in_a_module_that_is_loaded_anew": scene(
            user(M, "importlib.reload(m).f()"), write("m.py", "# new\n" + M), {}),
        "a_comment_in_the_test_file_itself": scene(TWO, write("test_f.py", "# new\n" + F),
                                                   {"test_f.py": 1}),
        "a_comment_with_a_meaning": scene(
            user("# x\nV = ascii('\u00e9')\n", "m.V"), {"test_a.py": "'\\xe9'"},
            write("m.py", "# coding: latin-1\nV = ascii('\u00e9')\n"),
            {"test_a.py": "'\\xc3\\xa9'"}),
    }


class Functions(Table):
    """A function's body is its own block: who did not run it does not care."""

    SCENES = {
        "the_body_of_one_of_two": scene(
            TWO, edit("return 1", "return 3"), {"test_f.py": 3}, write("m.py", M),
            {"test_f.py": cached(1)},
            edit("return 2", "return 4"), {"test_g.py": 4}),
        "the_body_that_nobody_ran": scene(
            dict(TWO, **{"m.py": M + "def h():\n    return 1\n"}),
            write("m.py", M + "def h():\n    return 2\n"), {}),
        "a_method_that_one_calls": scene(
            {"m.py": "class A:\n    def x(self):\n        return 1\n    def y(self):\n"
                     "        return 2\n",
             "test_x.py": shows("m.A().x()", "import m"),
             "test_y.py": shows("m.A().y()", "import m")},
            write("m.py", "class A:\n    def x(self):\n        return 3\n    def y(self):\n"
                          "        return 2\n"),
            {"test_x.py": 3}),
        "one_of_two_lambdas_on_a_line": scene(
            {"m.py": "f = lambda: 1; g = lambda: 2\n", "test_f.py": F, "test_g.py": G},
            write("m.py", "f = lambda: 1; g = lambda: 3\n"), {"test_g.py": 3},
            costs="of functions on one line nobody knows which one ran"),
        "one_of_two_functions_of_one_name": scene(
            {"m.py": "def f():\n    return 1\n\nh = f\n\ndef f():\n    return 2\n", "test_f.py": F,
             "test_h.py": shows("m.h()", "import m")},
            write("m.py", "def f():\n    return 1\n\nh = f\n\ndef f():\n    return 3\n"),
            {"test_f.py": 3}),
        "an_inner_function": scene(
            {"m.py": "def f(go):\n    def inner():\n        return 1\n"
                     "    return inner() if go else 0\n",
             "test_a.py": shows("m.f(True)", "import m"),
             "test_b.py": shows("m.f(False)", "import m")},
            write("m.py", "def f(go):\n    def inner():\n        return 2\n"
                          "    return inner() if go else 0\n"),
            {"test_a.py": 2}),
        "what_a_test_replaced": scene(
            {"m.py": M, "test_a.py": shows("m.f()", "import m\nm.f = lambda: 7")},
            edit("return 1", "return 3"), {}),
        "a_function_of_a_package_itself": scene(
            {"app/__init__.py": "def f():\n    return 1\n", "app/m.py": "V = 2\n",
             "test_f.py": shows("app.f()", "import app"),
             "test_m.py": shows("m.V", "from app import m")},
            write("app/__init__.py", "def f():\n    return 3\n"), {"test_f.py": 3}),
        "a_function_of_another_test_file": scene(
            {"test_a.py": shows("helper()", "def helper():\n    return 1"),
             "test_b.py": shows("test_a.helper()", "import test_a")},
            write("test_a.py", shows("helper()", "def helper():\n    return 2")),
            {"test_a.py": 2, "test_b.py": 2}),
        "a_module_that_is_imported_late": scene(
            {"m.py": "def f():\n    import n\n    return n.V\n\ndef g():\n    return 2\n",
             "n.py": "V = 1\n",
             "test_f.py": F, "test_g.py": G},
            write("n.py", "V = 3\n"), {"test_f.py": 3}),
    }


class ModuleBlock(Table):
    """What every importer sees, whatever it calls."""

    SCENES = {
        "a_constant": scene(user("V = 1\n", "m.V"), write("m.py", "V = 2\n"), {"test_a.py": 2}),
        "a_constant_of_another_module": scene(
            dict(user("from n import V\n", "m.V"), **{"n.py": "V = 1\n"}), write("n.py", "V = 2\n"),
            {"test_a.py": 2}),
        "a_star": scene(dict(user("from n import *\n", "sorted(k for k in vars(m) if k[0] != '_')"),
                             **{"n.py": "V = 1\n"}),
                        write("n.py", "V = 1\nW = 2\n_X = 3\n"), {"test_a.py": ["V", "W"]},
                        write("n.py", "__all__ = ['W']\nV = 1\nW = 2\n"), {"test_a.py": ["W"]}),
        "a_docstring": scene(dict(TWO, **{"test_d.py": shows("m.f.__doc__", "import m")}),
                             edit("return 1", "'''Doc.'''\n    return 1"),
                             dict(BOTH, **{"test_d.py": "Doc."})),
        "the_docstring_of_a_module": scene(user(M, "m.__doc__"), write("m.py", "'''Doc.'''\n" + M),
                                           {"test_a.py": "Doc."}),
        "a_default": scene(TWO, edit("def f():", "def f(x=1):"), BOTH),
        "a_decorator": scene(TWO, edit("def f", "@staticmethod\ndef f"), BOTH),
        "an_annotation": turned("def f(x: 1):\n    pass\n", "x: 1", "x: 2",
                                "m.f.__annotations__['x']", 2,
                                before=cached(1)),
        "annotations_from_the_future": turned(
            "def f(x: 1):\n    pass\n", "def", "from __future__ import annotations\ndef",
            "m.f.__annotations__['x']", "1", before=cached(1)),
        "the_names_of_arguments": turned(
            "def f(x, y):\n    pass\n", "x, y", "x, z", "str(__import__('inspect').signature(m.f))",
            "(x, z)",
            before=cached("(x, y)")),
        "a_positional_argument": turned("def f(x):\n    return 1\n", "x", "x, /", "m.f(x=1)",
                                        "TypeError",
                                        before=cached(1)),
        "a_class_attribute": turned("class A:\n    size = 1\n", "1", "2", "m.A.size", 2,
                                    before=cached(1)),
        "a_method_added": turned("class A:\n    pass\n", "pass", "def x(self):\n        return 1",
                                 "hasattr(m.A, 'x')", True, before=cached(False)),
        "a_method_that_hides_an_inherited_one": turned(
            "class A:\n    def x(self):\n        return 1\nclass B(A):\n    y = 1\n", "    y = 1",
            "    def x(self):\n        return 2", "m.B().x()", 2, before=cached(1)),
        "a_function_removed": scene(TWO, write("m.py", "def g():\n    return 2\n"),
                                    {"test_f.py": "AttributeError", "test_g.py": 2}),
        "a_function_renamed": scene(TWO, edit("def f", "def h"),
                                    {"test_f.py": "AttributeError", "test_g.py": 2}),
        "a_registry": scene(
            {"base.py": "class Base:\n    pass\n",
             "m.py": "import base\nclass A(base.Base):\n    pass\n",
             "test_a.py": shows("[c.__name__ for c in base.Base.__subclasses__()]",
                                "import base, m")},
            write("m.py", "import base\nclass A(base.Base):\n    pass\nclass B(base.Base):\n"
                          "    pass\n"),
            {"test_a.py": ["A", "B"]}),
        "a_hook_of_a_class": turned(
            "class A:\n    def __init_subclass__(cls):\n        cls.V = 1\nclass B(A):\n    pass\n",
            "1", "2",
            "m.B.V", 2, before=cached(1)),
        "a_data_class": turned(
            "import dataclasses\n\n@dataclasses.dataclass\nclass A:\n    x: int = 1\n", "1", "2",
            "m.A().x", 2,
            before=cached(1)),
        "a_function_that_is_never_called_becomes_a_generator": scene(
            user("def f():\n    return 1\n", "__import__('inspect').isgeneratorfunction(m.f)"),
            write("m.py", "def f():\n    yield 1\n"), {"test_a.py": True}),
        "a_method_that_is_never_called_needs_its_class": turned(
            "class M(type):\n    def __new__(cls, name, bases, space):\n"
            "        cls.seen = '__classcell__' in space\n"
            "        return type.__new__(cls, name, bases, space)\n"
            "class A(metaclass=M):\n    def f(self):\n        return 1\n",
            "return 1", "return __class__", "m.M.seen", True, before=cached(False)),
        "a_global_in_a_function_that_is_never_called": scene(
            user("K = 1\ndef f():\n    return 1\n", "m.K"),
            write("m.py", "K = 1\ndef f():\n    global K\n    K = 2\n"), {"test_a.py": 1}),
    }


WAYS = {}


def way(name, body, look, first="import m"):
    """F is entered by LOOK and gives 1, then 2; nobody enters idle()."""
    source = body + "\n\ndef idle():\n    return 8\n"
    WAYS[name] = scene(
        user(source, look, first), {"test_a.py": 1},
        write("m.py", source.replace("return 8", "return 9")), {},
        write("m.py", source.replace("1", "2")), {"test_a.py": 2})


CALL = "def f(*a):\n    return 1"
PUT = "seen = []\ndef f(*a):\n    seen.append(1)"
way("by_a_thread", PUT, "[m.seen for t in [threading.Thread(target=m.f)] if [t.start(), "
                        "t.join()]][0][0]",
    "import m, threading")
way("by_a_raw_thread", "import _thread\nseen = []\ndone = _thread.allocate_lock()\ndone.acquire()\n"
    "def f():\n    seen.append(1)\n    done.release()",
    "(m._thread.start_new_thread(m.f, ()), m.done.acquire(), m.seen)[2][0]")
way("by_a_pool", CALL, "ThreadPoolExecutor(1).submit(m.f).result()",
    "import m\nfrom concurrent.futures import ThreadPoolExecutor")
way("after_the_test_took_the_tracer_away", CALL, "(sys.settrace(None), sys.setprofile(None), "
                                                 "m.f())[2]")
way("under_a_tracer_of_the_test", CALL, "(sys.settrace(lambda *a: None), m.f(), "
                                        "sys.settrace(None))[1]")
way("under_pdb", CALL, "__import__('bdb').Bdb().runcall(m.f)")
way("by_a_signal", PUT, "(signal.signal(10, m.f), signal.raise_signal(10), m.seen[0])[2]",
    "import m, signal")
way("by_the_collector", "seen = []\nclass A:\n    def __del__(self):\n        seen.append(1)",
    "(m.A() and None, m.seen[0])[1]")
way("by_a_weak_reference", "seen = []\nclass A:\n    pass\ndef f(ref):\n    seen.append(1)",
    "(weakref.ref(m.A(), m.f), m.seen[0])[1]", "import m, weakref")
way("by_sorting", CALL, "sorted([3], key=m.f) and m.f()")
way("by_map", CALL, "list(map(m.f, 'x'))[0]")
way("by_a_c_callback", "import ctypes\n@ctypes.CFUNCTYPE(ctypes.c_int)\ndef f():\n    return 1",
    "m.f()")
way("by_a_partial", CALL, "functools.partial(m.f, 3)()", "import m, functools")
way("by_a_property", "class A:\n    @property\n    def x(self):\n        return 1", "m.A().x")
way("by_a_descriptor", "class D:\n    def __get__(self, *a):\n        return 1\nclass A:\n"
                       "    x = D()",
    "m.A.x")
way("by_getattr", "class A:\n    def __getattr__(self, name):\n        return 1", "m.A().anything")
way("by_getattr_of_a_module", "def __getattr__(name):\n    if name == 'x':\n        return 1\n"
    "    raise AttributeError(name)", "m.x")
way("by_a_warm_subscript", "class A:\n    def __getitem__(self, key):\n        return 1",
    "max([a[i] for i in range(300)])", "import m\na = m.A()")
way("by_a_warm_subscript_of_a_subclass", "class A:\n    def __getitem__(self, key):\n"
                                         "        return 1",
    "[a[i] for b in (dict.fromkeys(range(300)), m.A()) for a in [b] for i in range(99)][-1]")
way("by_iterating_a_generator", "def f():\n    yield 1", "next(m.f())")
way("by_a_generator_expression", "def f():\n    return (x + 1 for x in [0])", "next(m.f())")
way("by_a_comprehension", "def f():\n    return [x * 1 for x in [1]][0] // 1", "m.f()")
way("by_a_coroutine", "async def f():\n    return 1", "asyncio.run(m.f())", "import m, asyncio")
way("by_an_asynchronous_generator", "async def g():\n    yield 1\nasync def f():\n"
    "    async for x in g():\n        return x", "asyncio.run(m.f())", "import m, asyncio")
way("by_a_cache", "import functools\n@functools.lru_cache(None)\ndef f():\n    return 1",
    "(m.f(), m.f())[1]")
way("by_a_wrapper", "import functools\ndef wrap(f):\n    @functools.wraps(f)\n    def inner():\n"
    "        return f()\n    return inner\n@wrap\ndef f():\n    return 1", "m.f()")
way("by_super", "class A:\n    def x(self):\n        return 1\nclass B(A):\n    def x(self):\n"
    "        return super().x()", "m.B().x()")
way("by_a_context_manager", "import contextlib\n@contextlib.contextmanager\ndef f():\n    yield 1",
    "m.f().__enter__()")
way("by_pickle", "class A:\n    def __reduce__(self):\n        return int, (1,)",
    "pickle.loads(pickle.dumps(m.A()))", "import m, pickle")
way("by_the_code_of_another", CALL, "(setattr(m.idle, '__code__', m.f.__code__), m.idle())[1]")
way("by_exec_of_a_string", "def f():\n    space = {}\n    exec('V = 1', space)\n"
                           "    return space['V']", "m.f()")
way("in_a_forked_child", CALL, "os.waitpid(os.fork() or os._exit(m.f()), 0)[1] >> 8")
way("in_a_killed_child",
    "import os\ndef f():\n    os.kill(os.getpid(), [0, 9, 30][1])",
    "{9: 1, 30: 2}[os.waitpid(os.fork() or m.f(), 0)[1]]")
way("in_a_process_of_multiprocessing", CALL,
    "multiprocessing.get_context('fork').Pool(1).map(m.f, [0])[0]", "import m, multiprocessing")


class Executed(Table):
    """Every way into a function counts as running it; what beside it is edited does not."""

    SCENES = WAYS


class Seen(Table):
    """A source that is looked at by other means than running it counts whole, or as run."""

    SCENES = {
        "its_source": scene(
            dict(TWO, **{"test_s.py": shows("len(inspect.getsource(m.f))", "import m, inspect")}),
            edit("return 1", "return 1 # 1"), {"test_s.py": 26}),
        "its_text": scene(
            dict(TWO, **{"test_s.py": shows("len(open('m.py').read())")}),
            write("m.py", "#\n" + M), {"test_s.py": len(M) + 2}),
        "its_lines": scene(
            dict(TWO, **{"test_s.py": shows("linecache.getline('m.py', 1)", "import linecache")}),
            write("m.py", "#\n" + M), {"test_s.py": "#\n"}),
        "its_syntax_tree": scene(
            dict(TWO, **{"test_s.py": shows("len(ast.parse(open(m.__file__).read()).body)",
                                            "import m, ast")}),
            write("m.py", "#\n" + M), {"test_s.py": 2}),
        "its_doctest": scene(
            dict(TWO, **{"test_s.py": shows("doctest.testmod(m).attempted", "import m, doctest")}),
            write("m.py", "'''\n>>> 1\n1\n'''\n" + M), dict(BOTH, **{"test_s.py": 1})),
        "its_bytecode": scene(
            {"m.py": M, "test_a.py": shows("m.f.__code__.co_consts[-1]", "import m")},
            edit("return 1", "return 3"), {"test_a.py": 3}),
        "its_signature": scene(
            {"m.py": M, "test_a.py": shows("str(inspect.signature(m.f))", "import m, inspect")},
            edit("return 1", "return 3"), {}, edit("f()", "f(x=1)"), {"test_a.py": "(x=1)"}),
        "the_report_of_a_failure": scene(
            {"m.py": M, "test_a.py": "import m\n\ndef test_red():\n    m.f(1)\n", "test_f.py": F},
            {"test_a.py": either("error", "failure") + " TypeError"},
            write("m.py", "# new\n" + M), {}),
        "the_report_of_a_failure_within": scene(
            {"m.py": "def f():\n    return 1 / 0\n",
             "test_a.py": "import m\n\ndef test_red():\n    m.f()\n",
             "test_b.py": shows("m.f()", "import m")}, {"test_a.py": either("error", "failure") + " ZeroDivisionError"},
            write("m.py", "# new\ndef f():\n    return 1 / 0\n"),
            {"test_a.py": either("error", "failure") + " ZeroDivisionError"}),
        "the_text_of_a_warning": scene(
            user("import warnings\n# x\ndef f():\n"
                 "    return 'mark' in warnings.formatwarning('w', UserWarning, __file__, 2)\n",
                 "m.f()"),
            write("m.py", "import warnings\n# mark\ndef f():\n"
                  "    return 'mark' in warnings.formatwarning('w', UserWarning, __file__, 2)\n"),
            {"test_a.py": True}),
        "the_text_of_a_traceback": scene(
            user("import traceback\ndef f():\n    try:\n        1 / 0\n"
                 "    except ZeroDivisionError:\n"
                 "        return 'line 4' in traceback.format_exc()\n", "m.f()"),
                 {"test_a.py": True},
            write("m.py", "#\nimport traceback\ndef f():\n    try:\n        1 / 0\n"
                  "    except ZeroDivisionError:\n"
                  "        return 'line 4' in traceback.format_exc()\n"),
            {"test_a.py": False}),
        "a_statement_moved_into_finally": turned(
            "def f(r):\n    try:\n        r.append(1)\n        1 / 0\n    finally:\n"
            "        r.append(2)\n"
            "    return r\n", "        1 / 0\n    finally:\n",
            "    finally:\n        pass\n        1 / 0\n",
            "[(m.f(r), r) if 0 else m.f(r) for r in [[]]]", "ZeroDivisionError",
            before=cached("ZeroDivisionError")),
        "a_statement_moved_out_of_else": turned(
            "def f():\n    for x in [1]:\n        break\n    else:\n        x = 2\n    return x\n",
            "    else:\n        x = 2\n", "    x = 2\n", "m.f()", 2, before=cached(1)),
        "a_source_that_does_not_compile_and_its_repair": scene(
            dict(TWO, **{"test_o.py": shows("1")}), edit("return 1", "return ("),
            {"test_f.py": "error SyntaxError", "test_g.py": "error SyntaxError"},
            write("m.py", M), {"test_f.py": cached(1), "test_g.py": cached(2)}),
        "a_source_with_a_byte_that_is_no_text": scene(
            TWO, lambda house: open(house.path("m.py"), "wb").write(b"V = '\xff'\n"),
            {"test_f.py": "error SyntaxError", "test_g.py": "error SyntaxError"}),
    }


if __name__ == "__main__":
    main()

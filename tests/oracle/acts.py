"""What can be done to a project: each act is a list of plain values, so that a run can be printed,
repeated and cut down. `do` does one; `apply` with forbearance: an act whose file is gone does
nothing, for cutting down leaves others out."""

import os
import shutil
import signal
import sqlite3
import zipfile


def put(path, text, how="replace"):
    """Writes TEXT as editors, checkouts or programs do; "stealth": without a new time stamp."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    data = text.encode("utf-8")
    if how == "replace":
        with open(path + "~", "wb") as file:
            file.write(data)
        os.rename(path + "~", path)
        return
    if os.path.lexists(path) and how == "checkout":
        os.remove(path)
    before = os.stat(path) if how == "stealth" and os.path.exists(path) else None
    with open(path, "r+b" if before is not None else "wb") as file:
        file.write(data)
        file.truncate()
    if before is not None:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def put_link(path, target):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    delete(path)
    os.symlink(target, path)


def delete(path):
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    elif os.path.lexists(path):
        os.remove(path)


def place(path, content):
    """CONTENT as in a snapshot: text, ["link", target] or None."""
    if content is None:
        delete(path)
    elif isinstance(content, (list, tuple)):
        put_link(path, content[1])
    else:
        put(path, content, "checkout")


def rename(source, target):
    if not os.path.lexists(source) or source == target or (target + "/").startswith(source + "/"):
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    delete(target)
    os.rename(source, target)


def in_two(house, path, text):
    """The file is held open, and looked at when half of it is there."""
    with open(path, "wb") as file:
        file.write(text[:len(text) // 2].encode("utf-8"))
        file.flush()
        house.ctl("wait", "--timeout", "60")
        file.write(text[len(text) // 2:].encode("utf-8"))


def database(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)  # an earlier edit may have taken its folder
    connection = sqlite3.connect(path)
    with connection:
        connection.execute("CREATE TABLE IF NOT EXISTS t (a)")
        connection.execute("DELETE FROM t")
        connection.execute("INSERT INTO t VALUES (?)", (value,))
    connection.close()


def archive(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with zipfile.ZipFile(path + "~", "w") as file:
        file.writestr("packed.py", "VALUE = %d\n" % value)
    os.rename(path + "~", path)


def kill(house):
    """As the out-of-memory killer would."""
    done = house.ctl("status", "--json")
    if done.returncode == 0:
        os.kill(house.status()["pid"], signal.SIGKILL)


def while_running(house, steps):
    """STEPS are done as soon as something runs, or when it is clear that nothing will."""
    for _ in range(100):
        status = house.status()
        if status["state"] == "running":
            break
        if status["state"] == "idle" and not status["stats"]["to_be_run"]:
            break
    for step in steps:
        apply(house, step)


ON_PATHS = {
    "write": put,
    "layout": put,  # a write of other comments and line breaks alone
    "link": put_link, "delete": delete, "chmod": os.chmod, "database": database,
    "archive": archive,
    "mkdir": lambda path: os.makedirs(path, exist_ok=True),
    "utime": lambda path, ns: os.utime(path, ns=(ns, ns)),
}
ON_HOUSES = {
    "two": lambda house, path, text: in_two(house, house.path(path), text),
    "rename": lambda house, source, target: rename(house.path(source), house.path(target)),
    "outside": lambda house, text: put(os.path.join(house.base, "outside.txt"), text),
    "swap": lambda house, changes: [place(house.path(path), content) for path, content in changes],
    "during": while_running,
    "kill": kill,
    "wait": lambda house: house.ctl("wait", "--timeout", "60"),
}


def do(house, act):
    name, *rest = act
    if name in ON_PATHS:
        ON_PATHS[name](house.path(rest[0]), *rest[1:])
    elif name in ON_HOUSES:
        ON_HOUSES[name](house, *rest)
    else:
        house.ctl(name)  # start, stop, pause, resume, restart


def apply(house, act):
    try:
        do(house, act)
    except OSError:
        pass


# ---- how tables write them ----

def write(path, text, how="replace"):
    return ["write", path, text, how]


def link(path, target):
    return ["link", path, target]

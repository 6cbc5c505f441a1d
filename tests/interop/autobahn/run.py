#!/usr/bin/env python3
"""Runs the Autobahn test suite against h2ws, in both directions.

usage: run.py [--all] WORK TOOL TESTEE

The suite speaks HTTP/1.1. HAProxy, where it is there, turns its Upgrade into
an extended CONNECT and back, so that every case runs over HTTP/2 too:

    server/1.1   suite ---------------------> h2ws serve
    server/2     suite -----> HAProxy ======> h2ws serve
    client/1.1   autobahn-testee -----------> suite
    client/2     autobahn-testee ==> HAProxy -> suite

Prints a line per run, `ok NAME: ...` or `FAIL NAME: ...`, and one for each
case that did not pass. The suite is written for Python 2.7; without one this
exits with 77 and says so.
"""
import collections
import glob
import json
import os
import shutil
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
VIRTUALENV = "virtualenv==20.21.1"  # the last line that knows Python 2.7
AGENT = "h2ws"
SKIPPED = 77

# Of the long groups (9, 12, 13) a short run takes the first of each kind.
SHORT = ["1.*", "2.*", "3.*", "4.*", "5.*", "6.*", "7.*", "10.*"] + [
    "9.%d.1" % n for n in range(1, 9)] + [
    "12.%d.1" % n for n in range(1, 6)] + ["13.%d.1" % n for n in range(1, 8)]
GOOD = ("OK", "NON-STRICT", "INFORMATIONAL")

HAPROXY = """
global
  maxconn 200
  tune.h2.initial-window-size 1048576
defaults
  mode http
  timeout connect 5s
  timeout client 300s
  timeout server 300s
  timeout tunnel 300s
frontend to_server
  bind 127.0.0.1:{front}
  default_backend server
backend server
  server s 127.0.0.1:{server} proto h2 ws h2
frontend to_suite
  bind 127.0.0.1:{h2_front} proto h2
  default_backend suite
backend suite
  http-request set-header host 127.0.0.1:{suite}
  server s 127.0.0.1:{suite} ws h1
"""


def find_python2():
    names = ["python2.7", "python2"]
    roots = [os.environ.get("PYENV_ROOT", os.path.expanduser("~/.pyenv"))]
    paths = [shutil.which(name) for name in names]
    for root in roots:
        paths += sorted(glob.glob(root + "/versions/2.7.*/bin/python2.7"))
    for path in paths:
        if path and subprocess.run([path, "-c", "import ssl"],
                                   capture_output=True).returncode == 0:
            return path
    return None


def install(work):
    """The path of the suite's program, installed if it is not there yet."""
    place = os.path.join(work, "autobahntestsuite-0.8.2")
    wstest = os.path.join(place, "bin", "wstest")
    if os.path.exists(os.path.join(place, "complete")):
        return wstest
    python2 = find_python2()
    if python2 is None:
        return None
    tools = os.path.join(work, "autobahn-virtualenv")
    shutil.rmtree(place, ignore_errors=True)
    for command in (
            [sys.executable, "-m", "venv", tools],
            [tools + "/bin/pip", "install", "-q", VIRTUALENV],
            [tools + "/bin/virtualenv", "-q", "-p", python2, place],
            [place + "/bin/pip", "install", "-q", "--no-deps", "-r",
             os.path.join(HERE, "requirements.txt")]):
        subprocess.run(command, check=True, timeout=600,
                       stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    open(os.path.join(place, "complete"), "w").close()
    return wstest


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for s in sockets:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in sockets]
    for s in sockets:
        s.close()
    return ports


def wait_for_port(port, process):
    end = time.monotonic() + 30
    while time.monotonic() < end and process.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("nothing listens on port %d" % port)


class Process:
    """A server for the time of a with statement."""

    def __init__(self, command, log, port):
        self.command, self.log, self.port = command, log, port

    def __enter__(self):
        out = open(self.log, "w")
        self.process = subprocess.Popen(self.command, stdout=out, stderr=out)
        try:
            wait_for_port(self.port, self.process)
        except RuntimeError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()


def run_server(suite, folder, url, cases):
    """The suite as client. Returns its report."""
    spec = {"outdir": folder, "servers": [{"agent": AGENT, "url": url}],
            "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}
    path = os.path.join(folder, "spec.json")
    with open(path, "w") as out:
        json.dump(spec, out)
    with open(os.path.join(folder, "suite.log"), "w") as log:
        subprocess.run([suite, "-m", "fuzzingclient", "-s", path], stdout=log,
                       stderr=log, timeout=5400, check=True)
    return read_report(folder)


def run_client(suite, folder, testee, http, url, port, cases):
    """The suite as server. Returns its report."""
    spec = {"url": "ws://127.0.0.1:%d" % port, "outdir": folder,
            "cases": cases, "exclude-cases": [], "exclude-agent-cases": {}}
    path = os.path.join(folder, "spec.json")
    with open(path, "w") as out:
        json.dump(spec, out)
    command = [suite, "-m", "fuzzingserver", "--webport", "0", "-s", path]
    with Process(command, os.path.join(folder, "suite.log"), port):
        with open(os.path.join(folder, "testee.log"), "w") as log:
            subprocess.run([testee, "--http", http, "--agent", AGENT, url],
                           stdout=log, stderr=log, timeout=5400, check=True)
    return read_report(folder)


def read_report(folder):
    with open(os.path.join(folder, "index.json")) as report:
        return json.load(report)[AGENT]


def natural(case):
    return [int(part) for part in case.split(".")]


def tell(name, report):
    """Prints the outcome; true if every case passed."""
    counts = collections.Counter(c["behavior"] for c in report.values())
    bad = [case for case, c in report.items()
           if c["behavior"] not in GOOD or c["behaviorClose"] not in GOOD]
    loose = [case for case, c in report.items() if c["behavior"] == "NON-STRICT"]
    text = "%d cases: %s" % (len(report), ", ".join(
        "%d %s" % (n, what) for what, n in counts.most_common()))
    for case in sorted(bad, key=natural):
        c = report[case]
        print("FAIL %s/%s: %s, close %s" % (name, case, c["behavior"],
                                            c["behaviorClose"]))
    if loose:
        text += " (not strict: %s)" % ", ".join(sorted(loose, key=natural))
    print("%s %s: %s" % ("FAIL" if bad or not report else "ok", name, text),
          flush=True)
    return bool(report) and not bad


def guarded(name, function, *arguments):
    try:
        return tell(name, function(*arguments))
    except (OSError, RuntimeError, KeyError, ValueError,
            subprocess.SubprocessError) as error:
        print("FAIL %s: %s" % (name, error), flush=True)
        return False


def run_all(suite, work, tool, testee, cases):
    server, front, h2_front, port = free_ports(4)

    def folder(name):
        path = os.path.join(work, "autobahn", name)
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path)
        return path

    logs = folder("logs")
    serve = [tool, "serve", "--cleartext", "--compress", "--listen",
             "127.0.0.1:%d" % server]
    with Process(serve, os.path.join(logs, "serve.log"), server):
        good = guarded("server/1.1", run_server, suite, folder("server-1.1"),
                       "ws://127.0.0.1:%d/echo" % server, cases)
        good = guarded("client/1.1", run_client, suite, folder("client-1.1"),
                       testee, "1.1", "ws://127.0.0.1:%d" % port, port,
                       cases) and good
        if shutil.which("haproxy") is None:
            print("skip server/2 and client/2: haproxy is missing")
            return good
        config = os.path.join(logs, "haproxy.cfg")
        with open(config, "w") as out:
            out.write(HAPROXY.format(server=server, front=front,
                                     h2_front=h2_front, suite=port))
        with Process(["haproxy", "-db", "-f", config],
                     os.path.join(logs, "haproxy.log"), front):
            good = guarded("server/2", run_server, suite, folder("server-2"),
                           "ws://127.0.0.1:%d/echo" % front, cases) and good
            good = guarded("client/2", run_client, suite, folder("client-2"),
                           testee, "2", "ws://127.0.0.1:%d" % h2_front, port,
                           cases) and good
    return good


def main():
    arguments = [a for a in sys.argv[1:] if a != "--all"]
    if len(arguments) != 3:
        sys.exit(__doc__)
    work, tool, testee = arguments
    try:
        suite = install(work)
    except subprocess.CalledProcessError as error:
        print("FAIL install: %s" % error.stderr.decode()[-300:].strip())
        return 1
    if suite is None:
        print("Python 2.7 is missing")
        return SKIPPED
    cases = ["*"] if "--all" in sys.argv else SHORT
    return 0 if run_all(suite, work, tool, testee, cases) else 1


if __name__ == "__main__":
    sys.exit(main())

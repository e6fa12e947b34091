#!/usr/bin/env python3
"""Measures clients beside the code that is generated for their language; see docs/BENCHMARKS.md.

`bench.py --binary PATH NAME=COMMAND …` gives each command a server of its own and TARGET, ROUNDS and
SLICE_MS; it prints a line for each slice: way, who, events, seconds. One table compares each client with
the generated stub, a second one its publisher with single calls, for those that print the way `loop`.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys
from collections import defaultdict

from server import Server

ROUNDS = 60
SLICE_MS = 100
WAYS = ("unary", "batch", "stream")

Rates = dict[str, dict[str, list[float]]]


def measure(binary: str, command: str) -> Rates:
    """Events a second of each slice, by way and by who."""
    server = Server(binary, "--dev", "--store", "memory:")
    try:
        arguments = [*shlex.split(command), server.address, str(ROUNDS), str(SLICE_MS)]
        done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        server.stop()
    rates: Rates = defaultdict(lambda: defaultdict(list))
    for line in done.stdout.splitlines():
        way, who, count, seconds = line.split()
        rates[way][who].append(int(count) / float(seconds))
    return rates


def cells(client: list[float], stub: list[float]) -> list[str]:
    """Medians, and that of the shares of slices that were neighbours: noise hits those alike."""
    share = statistics.median(ours / bare for ours, bare in zip(client, stub, strict=True))
    return [f"{statistics.median(client):,.0f}", f"{statistics.median(stub):,.0f}", f"{share:.0%}"]


def loop(name: str, rates: Rates) -> str:
    """The obvious loop with a publisher, beside one call after the other, and beside 64 calls at once."""
    publisher = rates["loop"]["publisher"]
    row = [name, f"{statistics.median(publisher):,.0f}"]
    for way in ("each", "together"):
        single = rates["loop"][way]
        times = statistics.median(ours / bare for ours, bare in zip(publisher, single, strict=True))
        row += [f"{statistics.median(single):,.0f}", f"{times:.1f}"]
    return "| " + " | ".join(row) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("client", nargs="+")
    arguments = parser.parse_args()
    print("| client | unary | of stub | batch | of stub | stream | of stub |")
    print("|---|---|---|---|---|---|---|", flush=True)
    loops = []
    for client in arguments.client:
        name, _, command = client.partition("=")
        rates = measure(os.path.abspath(arguments.binary), command)
        row = [name]
        for way in WAYS:
            ours, bare, share = cells(rates[way]["client"], rates[way]["stub"])
            row += [f"{ours} / {bare}", share]
        print("| " + " | ".join(row) + " |", flush=True)
        if "loop" in rates:
            loops.append(loop(name, rates))
    if loops:
        print("\n| client | with a publisher | one call after the other | times | 64 calls at once | times |")
        print("|---|---|---|---|---|---|", *loops, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main())

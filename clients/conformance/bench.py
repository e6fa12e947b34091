#!/usr/bin/env python3
"""Measures clients beside the code that is generated for their language; see docs/BENCHMARKS.md.

`bench.py --binary PATH NAME=COMMAND …` gives each command a server of its own and TARGET, ROUNDS and
SLICE_MS; it prints a line for each slice: way, who, events, seconds. The table comes at the end.
"""

from __future__ import annotations

import argparse
import os
import shlex
import statistics
import subprocess
import sys

from server import Server

ROUNDS = 60
SLICE_MS = 100
WAYS = ("unary", "batch", "stream")


def measure(binary: str, command: str) -> dict[str, dict[str, list[float]]]:
    """Events a second of each slice, by way and by who."""
    server = Server(binary, "--dev", "--store", "memory:")
    try:
        arguments = [*shlex.split(command), server.address, str(ROUNDS), str(SLICE_MS)]
        done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=True)
    finally:
        server.stop()
    rates: dict[str, dict[str, list[float]]] = {way: {"client": [], "stub": []} for way in WAYS}
    for line in done.stdout.splitlines():
        way, who, count, seconds = line.split()
        rates[way][who].append(int(count) / float(seconds))
    return rates


def cells(client: list[float], stub: list[float]) -> list[str]:
    """Medians, and that of the shares of slices that were neighbours: noise hits those alike."""
    share = statistics.median(ours / bare for ours, bare in zip(client, stub, strict=True))
    return [f"{statistics.median(client):,.0f}", f"{statistics.median(stub):,.0f}", f"{share:.0%}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--binary", required=True)
    parser.add_argument("client", nargs="+")
    arguments = parser.parse_args()
    print("| client | unary | of stub | batch | of stub | stream | of stub |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for client in arguments.client:
        name, _, command = client.partition("=")
        rates = measure(os.path.abspath(arguments.binary), command)
        row = [name]
        for way in WAYS:
            ours, bare, share = cells(rates[way]["client"], rates[way]["stub"])
            row += [f"{ours} / {bare}", share]
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    sys.exit(main())

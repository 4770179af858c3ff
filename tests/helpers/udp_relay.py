"""A network that is none too good: `python udp_relay.py HOST:PORT HOST:PORT` forwards datagrams.

They come 0 to 60 ms late, so that they overtake each other, and one in a hundred is lost. The
kernel can do that too, by its module netem, which many systems lack.
"""

import heapq
import random
import select
import socket
import sys
import time

DELAY_SECONDS, LOSS = 0.06, 0.01


def forward(here: tuple[str, int], there: tuple[str, int]) -> None:
    """Forward datagrams to a place, and its answers to whom they are for, late and not all."""
    chance = random.Random(1)
    front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    front.bind(here)
    backs: dict[tuple[str, int], socket.socket] = {}  # by who asks
    asking: dict[socket.socket, tuple[str, int]] = {}
    late: list[tuple] = []  # when, a number, through which socket, to whom, what
    while True:
        left = max(0.0, late[0][0] - time.monotonic()) if late else 1.0
        for ready in select.select([front, *asking], [], [], left)[0]:
            packet, sender = ready.recvfrom(65536)
            if ready is front:
                if sender not in backs:
                    backs[sender] = back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                    asking[back] = sender
                way = backs[sender], there
            else:
                way = front, asking[ready]
            if chance.random() >= LOSS:
                when = time.monotonic() + chance.uniform(0, DELAY_SECONDS)
                heapq.heappush(late, (when, chance.random(), *way, packet))
        while late and late[0][0] <= time.monotonic():
            _, _, through, whom, packet = heapq.heappop(late)
            through.sendto(packet, whom)


if __name__ == "__main__":
    here, there = ((host, int(port)) for host, _, port in (w.partition(":") for w in sys.argv[1:]))
    forward(here, there)

"""Which rows serve which steps, where a row may serve several and serves only one.

Pure Python, for the few kinds of instants that a log has. A mask has a bit for each step that a row
satisfies.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache


def furthest(masks: Sequence[int], n: int) -> list[int]:
    """How far the rows of one instant go, one step after the other, a row each.

    Args:
        masks: Of each row of the instant.
        n: How many steps there are.

    Returns:
        For d = 0 … n − 1 the last of the steps after the first d that is served; d if there is
        none.
    """
    can = [sum(1 << i for i, mask in enumerate(masks) if mask >> k & 1) for k in range(n)]
    found = []
    for d in range(n):
        held: dict[int, int] = {}
        k = d
        while k < n and _placed(k, can, held, set()):
            k += 1
        found.append(k)
    return found


def deepest_way(kinds: Sequence[int], far: Sequence[Sequence[int]], n: int) -> list[int | None]:
    """The deepest way along instants that follow each other, each of which must serve a step.

    Args:
        kinds: Of the instants from the entry on; −1 where there is none.
        far: `furthest` of each kind.
        n: How many steps there are.

    Returns:
        For each step how many instants after the entry it comes, on the deepest way and of several
        the one that is earlier at the first step in which they differ; None where it is not
        reached.
    """

    @cache
    def after(hop: int, d: int) -> tuple[int, ...]:
        if hop == len(kinds) or kinds[hop] < 0 or d == n:
            return ()
        best: tuple[int, ...] = ()
        for k in range(far[kinds[hop]][d], d, -1):
            way = (hop,) * (k - d) + after(hop + 1, k)
            best = max(best, way, key=len)  # the first of the longest
        return best

    found = after(0, 0)
    return [*found, *[None] * (n - len(found))]


def adding(masks: Sequence[int], n: int) -> list[int | None]:
    """Which rows of a sequence, in order, make the number of steps that are served grow."""
    held: dict[int, int] = {}
    found: list[int | None] = [t for t in range(len(masks)) if _placed(t, masks, held, set())]
    return [*found, *[None] * (n - len(found))]


def _placed(one: int, can: Sequence[int], held: dict[int, int], seen: set[int]) -> bool:
    """Give one of the places that it can have, others making room where they can (Kuhn 1955)."""
    for place in range(can[one].bit_length()):
        if not can[one] >> place & 1 or place in seen:
            continue
        seen.add(place)
        if place not in held or _placed(held[place], can, held, seen):
            held[place] = one
            return True
    return False

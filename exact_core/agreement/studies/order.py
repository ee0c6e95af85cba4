"""Who reads which image in which arm, and when: random, balanced, and the same again for the same seed."""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Assignment = Literal["within", "between"]
"""Every participant reads in every arm, each image once; or every participant reads all images in one arm."""

Order = Literal["latin", "block"]
"""One arm after the other, in the sequences of a balanced Latin square; or mixed, each arm once in every block."""


class Turn(NamedTuple):
    """One image to read in one arm, by their places."""

    image: int
    arm: int


def plan(
    images: int, participants: int, arms: int, *, assignment: Assignment, order: Order, seed: int
) -> list[list[Turn]]:
    """For each participant the turns in order.

    Every participant reads every image once. Within participants, each image meets each arm equally often over
    ``arms`` participants (blocks) or over the rows of the square times ``arms`` (Latin square); between participants,
    arms are given out in permuted blocks, so that their numbers differ by one at most.
    """
    if assignment == "between":
        return _between(images, participants, arms, seed)
    shuffled = np.random.default_rng([seed]).permutation(images)
    make = _latin if order == "latin" else _blocks
    return [make(shuffled, participant, arms, seed) for participant in range(participants)]


def balanced_square(arms: int) -> list[list[int]]:
    """Sequences in which each arm stands in each place, and follows each other one, equally often.

    One row per arm, or twice as many for an odd number. Williams, Aust J Sci Res A 2 (1949) 149.
    """
    first = [0]
    low, high = 1, arms - 1
    while low <= high:
        first.append(low)
        if low != high:
            first.append(high)
        low, high = low + 1, high - 1
    rows = [[(arm + shift) % arms for arm in first] for shift in range(arms)]
    return rows if arms % 2 == 0 or arms == 1 else rows + [row[::-1] for row in rows]


def _latin(shuffled: NDArray[np.int64], participant: int, arms: int, seed: int) -> list[Turn]:
    """One group of images per period, in the participant's own order; groups rotate once all sequences were used."""
    rows = balanced_square(arms)
    sequence, shift = rows[participant % len(rows)], participant // len(rows)
    groups = np.array_split(shuffled, arms)
    generator = np.random.default_rng([seed, participant])
    turns = []
    for period, arm in enumerate(sequence):
        group = generator.permutation(groups[(period + shift) % arms])
        turns += [Turn(int(image), arm) for image in group]
    return turns


def _blocks(shuffled: NDArray[np.int64], participant: int, arms: int, seed: int) -> list[Turn]:
    """Each arm once in every block, in random order; which image has which arm rotates with the participant."""
    generator = np.random.default_rng([seed, participant])
    of_arm: list[list[int]] = [[] for _ in range(arms)]
    for place, image in enumerate(shuffled.tolist()):
        of_arm[(place + participant) % arms].append(image)
    shuffled_arms = [generator.permutation(each).astype(int).tolist() for each in of_arm]
    turns = []
    for block in range(max(map(len, of_arm), default=0)):
        there = [arm for arm in range(arms) if block < len(of_arm[arm])]
        turns += [Turn(shuffled_arms[arm][block], arm) for arm in generator.permutation(there).tolist()]
    return turns


def _between(images: int, participants: int, arms: int, seed: int) -> list[list[Turn]]:
    generator = np.random.default_rng([seed])
    chosen: list[int] = []
    while len(chosen) < participants:
        chosen += generator.permutation(arms).tolist()
    return [
        [Turn(int(image), chosen[number]) for image in np.random.default_rng([seed, number]).permutation(images)]
        for number in range(participants)
    ]

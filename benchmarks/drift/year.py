"""A year of hourly windows in which the world changes three times: what a policy does, and how long it is wrong.

Each hour brings a window of photos from the world of that hour, and a champion answers it. Retraining replaces the
champion by a network that knows the world, if labels of it are in: three days after somebody was told to give them.
Noise comes from a broken camera, which nobody gives labels for: it is repaired two days after somebody was told that
the images are broken, and at the next service otherwise.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

import numpy as np

from benchmarks.drift import evidently_default
from benchmarks.drift.judging import DRIFT, decide_on, measure
from benchmarks.drift.networks import TURNED, TURNED_FURTHER, TURNED_NOISY, UPRIGHT, Recordings, World, name_of
from benchmarks.drift.trials import recordings
from benchmarks.drift.versions import N_BASELINE, Version, Window, accept, sample
from include.drift.arbiter.verdict import (
    ACTING,
    Decision,
    Episode,
    Evidence,
    OpenDrift,
    RecentWindow,
    Requests,
)
from include.drift.statistics.measuring import WindowEvidence

Policy = Literal["Driftgate", "Evidently at 0.1", "Evidently at 0.1, once a day"]
POLICIES: tuple[Policy, ...] = ("Driftgate", "Evidently at 0.1", "Evidently at 0.1, once a day")

HOURS = 365 * 24
_TURNS, _BREAKS, _SAGS = 60 * 24, 150 * 24, 240 * 24
"""When the camera is turned, when it breaks, and when it sags further, in hours."""
_SERVICE = _BREAKS + 14 * 24
_REPAIR_HOURS = 48
_LABEL_HOURS = 72
_TRAINING_HOURS = 1
_N_LABELS = 100
_N_WINDOWS = 120
"""Of each version and world: each hour draws one of them, so that a year takes minutes."""
_WRONG = 0.06
"""A champion is wrong for a world that takes so much from the accuracy that it was accepted with."""
_WEEK = 7 * 24
_NETWORKS: Mapping[str, tuple[str, World]] = {
    name_of(UPRIGHT): ("champion", UPRIGHT),
    name_of(TURNED): ("knows turned images", TURNED),
    name_of(TURNED_FURTHER): ("knows images turned further", TURNED_FURTHER),
}
"""The network that knows a world, and the world that its held-out images are of."""


class Year(NamedTuple):
    """What a policy did in a year."""

    alarms: int
    """Windows."""
    label_requests: int
    retrainings: int
    in_vain: int
    """Of the retrainings: those that changed nothing, as nothing new was known."""
    rollbacks: int
    worst_week: int
    """The most retrainings in seven days."""
    wrong_hours: int
    delays: tuple[int, ...]
    """The hours from each of the three changes until a champion answered that knows the world, or until somebody was
    told that the images are broken; at most as long as it lasted."""


class Windows:
    """Measured windows of each version in each world, measured when they are first asked for.

    Args:
        known: All answers.
        seed: Of the draws.
    """

    def __init__(self, known: Recordings, seed: Sequence[int]) -> None:
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(known.labels))
        self._known, self._seed = known, tuple(seed)
        self._others = order[N_BASELINE:]
        self._measured: dict[tuple[str, str, int], WindowEvidence] = {}
        self._alarms: dict[tuple[str, str, int], bool] = {}
        self._versions = {
            network: accept(known, network, world, order[:N_BASELINE], number=number)
            for number, (network, world) in enumerate(_NETWORKS.values(), start=1)
        }

    def version(self, network: str) -> Version:
        """Return the version that a network is."""
        return self._versions[network]

    def evidence(self, network: str, world: World, number: int) -> WindowEvidence:
        """Return what is measured on a version's answers to a window of a world."""
        key = (network, name_of(world), number)
        if key not in self._measured:
            window = self._window(world, number)
            self._measured[key] = measure(self._known, self.version(network), window, seed=(*self._seed, number))
        return self._measured[key]

    def peer_alarms(self, network: str, world: World, number: int) -> bool:
        """Return whether Evidently's default alarms on the same window."""
        key = (network, name_of(world), number)
        if key not in self._alarms:
            version = self.version(network)
            reference = sample(self._known, version, Window(version.world, version.held_out))
            current = sample(self._known, version, self._window(world, number))
            self._alarms[key] = evidently_default.alarms(reference, current)
        return self._alarms[key]

    def is_wrong(self, network: str, world: World) -> bool:
        """Return whether a version's true accuracy in a world is far below the one that it was accepted with."""
        accepted = self._known.accuracy(network, self.version(network).world)
        return accepted - self._known.accuracy(network, world) >= _WRONG

    def _window(self, world: World, number: int) -> Window:
        rng = np.random.default_rng((*self._seed, number))
        return Window(world, rng.choice(self._others, DRIFT.window, replace=False))


@dataclass
class Production:
    """What runs, and what people do: the same for all policies."""

    champion: str = "champion"
    former: list[str] = field(default_factory=list)
    """The champions before it, the latest last."""
    repaired_at: int = _SERVICE
    labels_due: dict[str, int] = field(default_factory=dict)
    """When the labels of a world are in, by its name, as long as no version was trained on them."""
    learned: set[str] = field(default_factory=set)
    """The worlds that labels were trained on of."""
    trained_at: int | None = None
    """When the training that runs has ended."""
    retrained: list[int] = field(default_factory=list)
    """The hours of all retrainings."""
    in_vain: int = 0
    rollbacks: int = 0

    def world(self, hour: int) -> World:
        """Return the world of an hour."""
        if hour < _TURNS:
            return UPRIGHT
        if _BREAKS <= hour < self.repaired_at:
            return TURNED_NOISY
        return TURNED if hour < _SAGS else TURNED_FURTHER

    def told_broken(self, hour: int) -> None:
        """Somebody is told that the images are broken; a camera that is whole needs no repair."""
        if self.world(hour) == TURNED_NOISY:
            self.repaired_at = min(self.repaired_at, hour + _REPAIR_HOURS)

    def is_told(self, hour: int) -> bool:
        """Whether somebody knows that the images of this hour are broken, and uses no answers to them."""
        return self.world(hour) == TURNED_NOISY and self.repaired_at < _SERVICE

    def asked_for_labels(self, hour: int) -> bool:
        """Somebody is asked for labels; return whether there is something to do: of broken images nobody gives any."""
        world = name_of(self.world(hour))
        if world in self.labels_due or world not in _NETWORKS:
            return False
        self.labels_due[world] = hour + _LABEL_HOURS
        return True

    def n_new_labels(self, hour: int) -> int:
        """Return how many labels are in that no version was trained on."""
        return _N_LABELS * sum(due <= hour for due in self.labels_due.values())

    def retrain(self, hour: int) -> None:
        """Start a training."""
        self.retrained.append(hour)
        self.trained_at = hour + _TRAINING_HOURS

    def end_training(self, hour: int) -> None:
        """Put what was trained in the champion's place, if it is another one: that which does not cure is refused."""
        if self.trained_at is None or hour < self.trained_at:
            return
        self.trained_at = None
        self.learned |= {world for world, due in self.labels_due.items() if due <= hour}
        self.labels_due = {world: due for world, due in self.labels_due.items() if due > hour}
        world = name_of(self.world(hour))
        challenger = _NETWORKS[world][0] if world in self.learned else self.champion
        if challenger == self.champion:
            self.in_vain += 1
            return
        self.former.append(self.champion)
        self.champion = challenger

    def roll_back(self) -> None:
        """Put the previous version in the champion's place."""
        self.rollbacks += 1
        self.champion = self.former.pop()


class Driftgate:
    """What the product remembers from check to check, and does."""

    def __init__(self) -> None:
        self._of: str | None = None
        self._recent: tuple[RecentWindow, ...] = ()
        self._episode = Episode()
        self._open: OpenDrift | None = None
        self._requested: list[int] = []
        self.label_requests = 0

    def check(self, hour: int, number: int, production: Production, windows: Windows) -> bool:
        """Check a window and act; return whether it alarms."""
        champion, world = production.champion, production.world(hour)
        if champion != self._of:
            self._of, self._recent, self._open = champion, (), None
        evidence = Evidence(
            version=2,
            n_images=DRIFT.window,
            window=windows.evidence(champion, world, number),
            recent=self._recent,
            episode=self._episode,
            requests=Requests(
                hours_since_last=hour - self._requested[-1] if self._requested else None,
                n_last_week=sum(hour - asked < _WEEK for asked in self._requested),
            ),
            n_new_labels=production.n_new_labels(hour),
            waits_for_labels=self._open,
        )
        former = production.former[-1] if production.former else None
        decision = decide_on(evidence, (lambda: windows.evidence(former, world, number)) if former else None)
        acts = decision.verdict in ACTING
        self._recent = (RecentWindow(check_id=str(hour), acts=acts), *self._recent)[: DRIFT.of_windows - 1]
        self._act(decision, hour, production)
        return acts

    def _act(self, decision: Decision, hour: int, production: Production) -> None:
        if decision.verdict == "STABLE":
            self._episode, self._open = Episode(), None
        match decision.action:
            case "ALERT" if decision.verdict == "BROKEN_IMAGES":
                production.told_broken(hour)
            case "REQUEST_LABELS":
                self.label_requests += production.asked_for_labels(hour)
                self._open = OpenDrift(check_id=str(hour), finding=decision.reasons[0], verdict=decision.verdict)
            case "REQUEST_RETRAINING":
                self._requested.append(hour)
                self._episode, self._open = replace(self._episode, retraining_check_id=str(hour)), None
                production.retrain(hour)
            case "ROLL_BACK":
                self._episode = replace(self._episode, rolled_back_check_id=str(hour))
                production.roll_back()
            case _:
                pass


class RetrainOnAlarm:
    """What is often built: an alarm of Evidently's default starts a training, and asks for labels.

    Args:
        pause_hours: How long after one training there is no other.
    """

    def __init__(self, pause_hours: int) -> None:
        self._pause_hours = pause_hours
        self.label_requests = 0

    def check(self, hour: int, number: int, production: Production, windows: Windows) -> bool:
        """Check a window and act; return whether it alarms."""
        if not windows.peer_alarms(production.champion, production.world(hour), number):
            return False
        self.label_requests += production.asked_for_labels(hour)
        is_busy = production.trained_at is not None
        is_too_early = bool(production.retrained) and hour - production.retrained[-1] < self._pause_hours
        if not is_busy and not is_too_early:
            production.retrain(hour)
        return True


def trial(seed: Sequence[int]) -> dict[Policy, Year]:
    """Simulate a year under each policy, with the same baselines and the same windows."""
    windows = Windows(recordings(), seed)
    return {policy: simulate(policy, windows, seed=(*seed, 1)) for policy in POLICIES}


def simulate(policy: Policy, windows: Windows, *, seed: Sequence[int]) -> Year:
    """Simulate a year.

    Args:
        policy: What is done about the windows.
        windows: The windows that the hours draw from.
        seed: Of these draws.
    """
    numbers = np.random.default_rng(seed).integers(0, _N_WINDOWS, HOURS)
    production = Production()
    checks = Driftgate() if policy == "Driftgate" else RetrainOnAlarm(24 if policy.endswith("once a day") else 0)
    alarms, wrong = 0, np.zeros(HOURS, dtype=np.bool_)
    for hour, number in enumerate(numbers.tolist()):
        production.end_training(hour)
        alarms += checks.check(hour, number, production, windows)
        wrong[hour] = windows.is_wrong(production.champion, production.world(hour)) and not production.is_told(hour)
    retrained = np.array(production.retrained)
    return Year(
        alarms=alarms,
        label_requests=checks.label_requests,
        retrainings=len(retrained),
        in_vain=production.in_vain,
        rollbacks=production.rollbacks,
        worst_week=max((int(((retrained >= at) & (retrained < at + _WEEK)).sum()) for at in retrained), default=0),
        wrong_hours=int(wrong.sum()),
        delays=tuple(
            int(wrong[begins:ends].sum()) for begins, ends in ((_TURNS, _BREAKS), (_BREAKS, _SAGS), (_SAGS, HOURS))
        ),
    )

"""What the demo claims, each with how it was found out."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Check:
    """One claim: `held` says whether it did, `found` what was seen."""

    claim: str
    held: bool
    found: str


@dataclass
class Report:
    """Everything that was checked; the demo succeeds only if all of it held."""

    checks: list[Check] = field(default_factory=list)

    def add(self, claim: str, held: bool, found: str) -> bool:
        self.checks.append(Check(claim, held, found))
        return held

    @property
    def all_held(self) -> bool:
        return bool(self.checks) and all(check.held for check in self.checks)

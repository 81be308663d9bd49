"""What completes milestones: policies as values, bound to their order, milestone and site.

A policy is pure. `policy.needs()` says whose observations it counts on, `policy.evaluate(facts)` what it makes of all of them,
`sentence(policy)` how it reads. Nothing is carried over from one evaluation to the next: late, repeated and corrected
observations need no rule of their own. `tracking_service.document.policy` reads declared policies and binds them.
"""

from collections.abc import Mapping
from decimal import Decimal

from tracking_service.domain.policies.composed import Composed
from tracking_service.domain.policies.material import Level, Line, MaterialArrived, counted
from tracking_service.domain.policies.policy import Named, Policy, sentence
from tracking_service.domain.policies.sign_off import SignedOff

__all__ = ["Composed", "Level", "Line", "MaterialArrived", "Named", "Policy", "SignedOff", "counted", "levels", "sentence"]


def levels(policy: Policy, expected: Mapping[str, Decimal]) -> set[Level]:
    """The quantities at which material lines matter to a policy: of their arrivals it takes the sums, and when they reached these."""
    match policy:
        case MaterialArrived():
            return policy.levels(expected)
        case Composed():
            return set[Level]().union(*(levels(part, expected) for part in policy.parts))
        case _:
            return set()

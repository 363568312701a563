"""Prices for experts that cost nothing: what renting the machine would."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from experts.base import Expert, Generated
from poser.core.errors import RegistryError
from poser.core.expert import ExpertRequest, ExpertSpec
from poser.core.picture import ImageSource


def priced(
    registry: Mapping[str, ExpertSpec], usd_per_second: float, *, masked: bool = False
) -> dict[str, ExpertSpec]:
    """The registry with a price for each expert that has none: its seconds times a rate.

    Args:
        registry: Specs by id; what a call takes is ``cost.seconds``, as measured.
        usd_per_second: US dollars a second; 0 leaves everything as it is.
        masked: Whether there is a mask. Without one an inpainting expert, which is never called
            then, may be of unknown seconds.

    Raises:
        RegistryError: The seconds of an expert are not known.
    """
    if usd_per_second == 0.0:
        return dict(registry)
    return {i: _rented(spec, usd_per_second, masked) for i, spec in registry.items()}


def _rented(spec: ExpertSpec, usd_per_second: float, masked: bool) -> ExpertSpec:
    if spec.cost.usd > 0.0:
        return spec
    if spec.cost.seconds == 0.0:
        if spec.task == "inpainting" and not masked:
            return spec
        raise RegistryError(
            f"expert {spec.id!r} has no price by the second: nobody knows what a call takes",
            remedy=f"state cost.seconds in its entry, or measure it: poser experts probe {spec.id}",
        )
    usd = spec.cost.seconds * usd_per_second
    return spec.model_copy(update={"cost": spec.cost.model_copy(update={"usd": usd})})


@dataclass(frozen=True, slots=True)
class PricedExpert:
    """An :class:`experts.base.Expert` that bills what a priced entry says.

    Attributes:
        spec: The entry with its price.
        expert: What is called; what it bills itself stands.
    """

    spec: ExpertSpec
    expert: Expert

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        """See :class:`experts.base.Expert`."""
        made = self.expert.generate(requests, images)
        return [g if g.cost > 0.0 else replace(g, cost=self.spec.cost.usd) for g in made]

    def close(self) -> None:
        """See :class:`experts.base.Expert`."""
        self.expert.close()


def billing(
    expert: Callable[[str], Expert], registry: Mapping[str, ExpertSpec]
) -> Callable[[str], Expert]:
    """What finds experts, each billing the price that its entry in a priced registry states."""

    def find(expert_id: str) -> Expert:
        return PricedExpert(registry[expert_id], expert(expert_id))

    return find

"""Tasks, experts and an evaluator for tests of probing: exact, quick, and counted."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PIL import Image

from experts.base import Generated
from experts.probe import Trial
from poser.core.errors import ExpertError
from poser.core.expert import Cost, ExpertRequest, ExpertSpec
from poser.core.picture import ImageSource
from poser.core.plan import Criterion

GOOD, BAD = (0, 200, 0), (200, 0, 0)


class MemoryJournal:
    def __init__(self) -> None:
        self.entries: dict[str, dict[str, object]] = {}

    def get(self, key: str) -> dict[str, object] | None:
        return self.entries.get(key)

    def put(self, key: str, value: dict[str, object]) -> None:
        assert key not in self.entries, "paid twice"
        self.entries[key] = value


class Scripted:
    """Paints green where a task is within its skill, which its seed tells, else red."""

    def __init__(self, spec: ExpertSpec, able: Callable[[int], bool] = lambda seed: True) -> None:
        self.spec = spec
        self.able = able
        self.batches: list[list[int]] = []
        self.fails: Callable[[Sequence[int]], ExpertError | None] = lambda seeds: None
        self.closed = 0

    def generate(self, requests: Sequence[ExpertRequest], images: ImageSource) -> list[Generated]:
        seeds = [r.seed for r in requests]
        self.batches.append(seeds)
        if (error := self.fails(seeds)) is not None:
            raise error
        made = []
        for request in requests:
            if request.image is not None:
                images.get(request.image)
            image = Image.new("RGB", (8, 8), GOOD if self.able(request.seed) else BAD)
            image.putpixel((0, 0), (request.seed % 256, 0, 0))
            made.append(Generated(image=image, seconds=0.01, cost=self.spec.cost.usd))
        return made

    def close(self) -> None:
        self.closed += 1

    @property
    def calls(self) -> int:
        return sum(map(len, self.batches))


class GreenEvaluator:
    """Green holds; what is asked in French cannot be judged."""

    id = "green"
    revision = "1"

    def __init__(self) -> None:
        self.asked = 0

    def verdicts(
        self, criteria: Sequence[Criterion], image: Image.Image, /
    ) -> Mapping[str, bool | None]:
        self.asked += 1
        green = image.getpixel((4, 4)) == GOOD
        return {k.id: None if "est-ce" in k.question else green for k in criteria}


def spec(
    name: str = "my/painter",
    task: str = "text_to_image",
    usd: float = 0.0,
    able: Mapping[str, float] | None = None,
    **more: object,
) -> ExpertSpec:
    return ExpertSpec.model_validate(
        {
            "id": name,
            "adapter": "x",
            "task": task,
            "fingerprint": "f" * 16,
            "capabilities": able or {},
            "cost": Cost(usd=usd),
            **more,
        }
    )


def trial(
    seed: int, skill: str = "count", ops: tuple[str, ...] = ("count",), *, edit: bool = False,
    question: str = "Is it green?", kept: int = 0,
) -> Trial:  # fmt: skip
    return Trial(
        skill=skill,
        ops=ops,  # type: ignore[arg-type]
        seed=seed,
        text=f"task {seed}",
        image=Image.new("RGB", (8, 8), (0, 0, seed % 256)) if edit else None,
        criteria=(Criterion(id="k1", question=question),),
        kept=tuple(Criterion(id=f"q{i}", question="Still green?") for i in range(kept)),
    )

"""A policy's files: an exact round trip, and a one-line refusal of anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save

from envs.layout import Layout
from policies.export import CARD, WEIGHTS, PolicyFileError, export_policy, load_policy
from policies.scorer import Scorer
from policies.shape import ScorerShape
from tests.policies.tiny_worlds import random_parts

SHAPE = ScorerShape(width=16, heads=2, hidden=16, rounds=1, text_dim=4, image_dim=12)


def exported(folder: Path) -> Scorer:
    torch.manual_seed(3)
    scorer = Scorer(SHAPE)
    export_policy(
        scorer.state_dict(),
        SHAPE,
        folder,
        worlds={"simulator": {"ranges": "ab"}},
        training={"steps": 12},
        version="0",
    )
    return scorer


def change(folder: Path, **parts: Any) -> None:
    path = folder / CARD
    path.write_text(json.dumps({**json.loads(path.read_text()), **parts}))


def test_a_round_trip_is_exact(tmp_path: Path) -> None:
    before = exported(tmp_path)
    after, card = load_policy(tmp_path)
    assert card.scorer == SHAPE
    assert card.worlds == {"simulator": {"ranges": "ab"}}
    assert card.training == {"steps": 12}
    assert card.text_encoder is not None
    assert card.text_encoder.dim == 4
    assert card.image_encoder is not None
    assert card.image_encoder.dim == 12
    parts = {k: v.float() for k, v in random_parts(Layout(3, 2, 4, 12), 3, 2).items()}
    assert torch.equal(before.eval()(parts).logits, after(parts).logits)


def test_files_are_written_anew_in_place(tmp_path: Path) -> None:
    exported(tmp_path)
    exported(tmp_path)
    assert sorted(p.name for p in tmp_path.iterdir()) == [CARD, WEIGHTS]


def _weights(folder: Path, change_of: Any) -> None:
    import hashlib

    data = save(change_of(load_file(folder / WEIGHTS)))
    (folder / WEIGHTS).write_bytes(data)
    change(folder, weights=hashlib.sha256(data).hexdigest())


def _flip(folder: Path) -> None:
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[-1] ^= 1
    (folder / WEIGHTS).write_bytes(bytes(data))


TAMPERINGS = {
    "no folder": (lambda f: [p.unlink() for p in f.iterdir()], "there is no policy in"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), "cannot read"),
    "no JSON": (lambda f: (f / CARD).write_text("{"), "no policy of this version"),
    "format": (lambda f: change(f, format=2), "format"),
    "unknown key": (lambda f: change(f, pickle="x"), "pickle"),
    "features": (lambda f: change(f, features={"commands": ["op:create"]}), "other features of"),
    "one bit": (_flip, "is not what policy.json describes"),
    "shape": (
        lambda f: _weights(f, lambda w: {**w, "whole_plan": torch.zeros(3)}),
        "whole_plan is",
    ),
    "missing": (
        lambda f: _weights(f, lambda w: {k: v for k, v in w.items() if k != "whole_plan"}),
        "other weights",
    ),
    "not finite": (
        lambda f: _weights(f, lambda w: {**w, "whole_plan": torch.full((16,), torch.nan)}),
        "not finite",
    ),
    "width": (lambda f: change(f, scorer={"width": 18, "heads": 4}), "do not divide"),
    "size": (lambda f: change(f, scorer={"text_dim": 10**12}), "text_dim"),
}


@pytest.mark.parametrize("name", TAMPERINGS)
def test_whatever_is_amiss_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    exported(tmp_path)
    tamper, message = TAMPERINGS[name]
    tamper(tmp_path)
    with pytest.raises(PolicyFileError, match=message) as caught:
        load_policy(tmp_path)
    assert caught.value.remedy
    assert "\n" not in str(caught.value)


def test_a_pickle_is_never_read(tmp_path: Path) -> None:
    import hashlib
    import pickle

    exported(tmp_path)
    data = pickle.dumps({"whole_plan": [1.0]})
    (tmp_path / WEIGHTS).write_bytes(data)
    change(tmp_path, weights=hashlib.sha256(data).hexdigest())
    with pytest.raises(PolicyFileError, match="no safetensors file"):
        load_policy(tmp_path)

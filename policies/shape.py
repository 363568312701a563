"""The size of the learned policy's network, without the network: nothing heavy is imported."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from poser.core.value import Value

MOST = 65_536
"""Greatest size of an embedding: a card from outside asks for no more memory than that takes."""


class ScorerShape(Value):
    """What a scorer is built of.

    Attributes:
        width: Size of a token.
        heads: Attention heads; they divide the width.
        rounds: Rounds of messages between commands and experts.
        hidden: Size of the hidden layer of the heads.
        text_dim: Size of the embedding of an instruction.
        image_dim: Size of the embedding of a picture.
    """

    width: Annotated[int, Field(ge=8, le=256)] = 48
    heads: Annotated[int, Field(ge=1, le=16)] = 4
    rounds: Annotated[int, Field(ge=1, le=6)] = 2
    hidden: Annotated[int, Field(ge=8, le=256)] = 64
    text_dim: Annotated[int, Field(ge=0, le=MOST)] = 32
    image_dim: Annotated[int, Field(ge=0, le=MOST)] = 48

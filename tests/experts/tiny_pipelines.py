"""Real pipeline classes of diffusers, built tiny and at random, to be saved and loaded.

Every component is a class that the real checkpoints use too, with a configuration of a few
thousand numbers and a tokenizer made from a handful of pieces, so that the loading code under
test is the loading code that serves real weights.
"""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderDC,
    AutoencoderKL,
    DDIMScheduler,
    EulerDiscreteScheduler,
    FlowMatchEulerDiscreteScheduler,
    FluxKontextPipeline,
    FluxPipeline,
    FluxTransformer2DModel,
    LatentConsistencyModelPipeline,
    LCMScheduler,
    PixArtSigmaPipeline,
    PixArtTransformer2DModel,
    SanaPipeline,
    SanaTransformer2DModel,
    SD3Transformer2DModel,
    StableDiffusion3Pipeline,
    StableDiffusionInstructPix2PixPipeline,
    StableDiffusionPipeline,
    StableDiffusionXLPipeline,
    UNet2DConditionModel,
    ZImagePipeline,
    ZImageTransformer2DModel,
)
from tokenizers import pre_tokenizers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    Gemma2Config,
    Gemma2Model,
    Qwen2Tokenizer,
    Qwen3Config,
    Qwen3Model,
    T5Config,
    T5EncoderModel,
    T5Tokenizer,
)

SIDE = 64
"""Width and height of the pictures that most of them make, in pixels."""


def clip_tokenizer() -> CLIPTokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    pieces = [*letters, *(letter + "</w>" for letter in letters)]
    pieces += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {piece: index for index, piece in enumerate(pieces)}
    return CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=77)


def t5_tokenizer() -> T5Tokenizer:
    pieces = ["▁", "▁a", "▁red", "▁blue", *string.ascii_letters, *string.digits, *".,!?"]
    scored = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", -20.0)]
    scored += [(piece, -index / 10) for index, piece in enumerate(pieces)]
    return T5Tokenizer(vocab=scored, extra_ids=0, model_max_length=32)


def byte_tokenizer() -> Qwen2Tokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Qwen2Tokenizer(vocab={c: i for i, c in enumerate(letters)}, merges=[])
    tokenizer.add_special_tokens({"extra_special_tokens": ["<|im_start|>", "<|im_end|>"]})
    return tokenizer


def clip_encoder(
    kind: type[CLIPTextModel | CLIPTextModelWithProjection] = CLIPTextModel,
    activation: str = "quick_gelu",
) -> Any:
    size = len(clip_tokenizer())
    return kind(
        CLIPTextConfig(
            vocab_size=size,
            bos_token_id=size - 2,
            eos_token_id=size - 1,
            pad_token_id=size - 1,
            hidden_size=32,
            intermediate_size=37,
            num_attention_heads=4,
            num_hidden_layers=2,
            projection_dim=32,
            hidden_act=activation,
            max_position_embeddings=77,
        )
    )


def t5_encoder() -> T5EncoderModel:
    size = len(t5_tokenizer())
    return T5EncoderModel(
        T5Config(vocab_size=size, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4)
    )


def small_vae(channels: int = 4) -> AutoencoderKL:
    """An autoencoder that halves each side."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 16),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=channels,
        norm_num_groups=4,
    )


def flow_vae() -> AutoencoderKL:
    """An autoencoder as flow-matching models use it: shifted, without quantisation layers."""
    return AutoencoderKL(
        in_channels=3,
        out_channels=3,
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        norm_num_groups=1,
        sample_size=32,
        use_quant_conv=False,
        use_post_quant_conv=False,
        shift_factor=0.0609,
        scaling_factor=1.5035,
    )


def unet(**changes: Any) -> UNet2DConditionModel:
    config: dict[str, Any] = {
        "sample_size": 32,
        "in_channels": 4,
        "out_channels": 4,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "cross_attention_dim": 32,
        "norm_num_groups": 2,
        "attention_head_dim": 4,
    }
    return UNet2DConditionModel(**{**config, **changes})


_UNCHECKED: dict[str, Any] = {
    "safety_checker": None,
    "feature_extractor": None,
    "requires_safety_checker": False,
}


def stable_diffusion() -> StableDiffusionPipeline:
    return StableDiffusionPipeline(
        unet=unet(),
        scheduler=DDIMScheduler(),
        vae=small_vae(),
        text_encoder=clip_encoder(),
        tokenizer=clip_tokenizer(),
        **_UNCHECKED,
    )


def instruct_pix2pix() -> StableDiffusionInstructPix2PixPipeline:
    return StableDiffusionInstructPix2PixPipeline(
        unet=unet(in_channels=8),
        scheduler=DDIMScheduler(),
        vae=small_vae(),
        text_encoder=clip_encoder(),
        tokenizer=clip_tokenizer(),
        **_UNCHECKED,
    )


def latent_consistency() -> LatentConsistencyModelPipeline:
    return LatentConsistencyModelPipeline(
        unet=unet(time_cond_proj_dim=32),
        scheduler=LCMScheduler(),
        vae=small_vae(),
        text_encoder=clip_encoder(),
        tokenizer=clip_tokenizer(),
        **_UNCHECKED,
    )


def stable_diffusion_xl() -> StableDiffusionXLPipeline:
    return StableDiffusionXLPipeline(
        unet=unet(
            cross_attention_dim=64,
            attention_head_dim=(2, 4),
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            transformer_layers_per_block=(1, 1),
            projection_class_embeddings_input_dim=80,
        ),
        scheduler=EulerDiscreteScheduler(timestep_spacing="leading"),
        vae=small_vae(),
        text_encoder=clip_encoder(activation="gelu"),
        text_encoder_2=clip_encoder(CLIPTextModelWithProjection, activation="gelu"),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
    )


def stable_diffusion_3() -> StableDiffusion3Pipeline:
    return StableDiffusion3Pipeline(
        transformer=SD3Transformer2DModel(
            sample_size=32,
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            attention_head_dim=8,
            num_attention_heads=4,
            caption_projection_dim=32,
            joint_attention_dim=32,
            pooled_projection_dim=64,
        ),
        scheduler=FlowMatchEulerDiscreteScheduler(),
        vae=flow_vae(),
        text_encoder=clip_encoder(CLIPTextModelWithProjection),
        text_encoder_2=clip_encoder(CLIPTextModelWithProjection),
        text_encoder_3=t5_encoder(),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        tokenizer_3=t5_tokenizer(),
    )


def _flux_parts() -> dict[str, Any]:
    return {
        "transformer": FluxTransformer2DModel(
            patch_size=1,
            in_channels=16,
            num_layers=1,
            num_single_layers=1,
            attention_head_dim=16,
            num_attention_heads=2,
            joint_attention_dim=32,
            pooled_projection_dim=32,
            axes_dims_rope=(4, 4, 8),
        ),
        "scheduler": FlowMatchEulerDiscreteScheduler(),
        "vae": flow_vae(),
        "text_encoder": clip_encoder(),
        "text_encoder_2": t5_encoder(),
        "tokenizer": clip_tokenizer(),
        "tokenizer_2": t5_tokenizer(),
    }


def flux() -> FluxPipeline:
    return FluxPipeline(**_flux_parts())


def flux_kontext() -> FluxKontextPipeline:
    return FluxKontextPipeline(**_flux_parts())


def sana() -> SanaPipeline:
    tokenizer = byte_tokenizer()
    tokenizer.padding_side = "right"
    encoder = Gemma2Model(
        Gemma2Config(
            vocab_size=len(tokenizer) + 2,
            head_dim=16,
            hidden_size=8,
            intermediate_size=64,
            num_attention_heads=2,
            num_hidden_layers=1,
            num_key_value_heads=2,
            attn_implementation="eager",
        )
    )
    return SanaPipeline(
        transformer=SanaTransformer2DModel(
            sample_size=32,
            patch_size=1,
            in_channels=4,
            out_channels=4,
            num_layers=1,
            num_attention_heads=2,
            attention_head_dim=4,
            num_cross_attention_heads=2,
            cross_attention_head_dim=4,
            cross_attention_dim=8,
            caption_channels=8,
        ),
        vae=AutoencoderDC(
            in_channels=3,
            latent_channels=4,
            attention_head_dim=2,
            encoder_block_types=("ResBlock", "EfficientViTBlock"),
            decoder_block_types=("ResBlock", "EfficientViTBlock"),
            encoder_block_out_channels=(8, 8),
            decoder_block_out_channels=(8, 8),
            encoder_qkv_multiscales=((), (5,)),
            decoder_qkv_multiscales=((), (5,)),
            encoder_layers_per_block=(1, 1),
            decoder_layers_per_block=(1, 1),
            downsample_block_type="conv",
            upsample_block_type="interpolate",
            decoder_norm_types="rms_norm",
            decoder_act_fns="silu",
            scaling_factor=0.41407,
        ),
        text_encoder=encoder,
        tokenizer=tokenizer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def z_image() -> ZImagePipeline:
    tokenizer = byte_tokenizer()
    tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }}{% endfor %}"
    encoder = Qwen3Model(
        Qwen3Config(
            vocab_size=len(tokenizer) + 10,
            hidden_size=16,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            num_key_value_heads=2,
            max_position_embeddings=512,
        )
    )
    return ZImagePipeline(
        transformer=ZImageTransformer2DModel(
            all_patch_size=(2,),
            all_f_patch_size=(1,),
            in_channels=16,
            dim=32,
            n_layers=2,
            n_refiner_layers=1,
            n_heads=2,
            n_kv_heads=2,
            cap_feat_dim=16,
            axes_dims=[8, 4, 4],
            axes_lens=[256, 32, 32],
        ),
        vae=AutoencoderKL(
            in_channels=3,
            out_channels=3,
            block_out_channels=(8, 16),
            down_block_types=("DownEncoderBlock2D",) * 2,
            up_block_types=("UpDecoderBlock2D",) * 2,
            latent_channels=16,
            norm_num_groups=4,
            scaling_factor=0.3611,
            shift_factor=0.1159,
        ),
        text_encoder=encoder,
        tokenizer=tokenizer,
        scheduler=FlowMatchEulerDiscreteScheduler(),
    )


def pixart_sigma() -> PixArtSigmaPipeline:
    return PixArtSigmaPipeline(
        transformer=PixArtTransformer2DModel(
            sample_size=8,
            num_layers=2,
            patch_size=2,
            attention_head_dim=8,
            num_attention_heads=3,
            caption_channels=32,
            in_channels=4,
            out_channels=8,
            cross_attention_dim=24,
            norm_type="ada_norm_single",
            norm_elementwise_affine=False,
        ),
        vae=small_vae(),
        scheduler=DDIMScheduler(),
        text_encoder=t5_encoder(),
        tokenizer=t5_tokenizer(),
    )


BUILDERS: dict[str, Callable[[], Any]] = {
    "stable_diffusion": stable_diffusion,
    "instruct_pix2pix": instruct_pix2pix,
    "latent_consistency": latent_consistency,
    "stable_diffusion_xl": stable_diffusion_xl,
    "stable_diffusion_3": stable_diffusion_3,
    "flux": flux,
    "flux_kontext": flux_kontext,
    "sana": sana,
    "z_image": z_image,
    "pixart_sigma": pixart_sigma,
}


def save_tiny(name: str, folder: Path) -> Path:
    """Builds a pipeline from a fixed seed and saves it under a folder."""
    path = folder / name
    if not path.is_dir():
        state = torch.random.get_rng_state()
        torch.manual_seed(0)
        pipeline = BUILDERS[name]()
        torch.random.set_rng_state(state)
        pipeline.save_pretrained(path, safe_serialization=True)
    return path

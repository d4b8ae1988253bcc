"""DeepLIFT's multipliers: how much a score differs between two pictures for each difference of a pixel."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional

from explain.gradients import differentiate
from explain.rewriting import Rewritten, Rule
from explain.slopes import Slopes
from models.progress import report

if TYPE_CHECKING:
    from explain.target import Target
    from models import LoadedModel

#: Operations that turn each value into one value by itself. What stands beside their input does not follow from it.
ELEMENTWISE = (
    *("relu", "relu6", "leaky_relu", "prelu", "rrelu", "elu", "selu", "celu", "silu", "gelu", "mish", "softplus"),
    *("hardswish", "hardsigmoid", "hardtanh", "hardshrink", "softshrink", "tanhshrink", "softsign"),
    # torch names nn.Threshold's function by its private name.
    *("threshold", "_threshold"),
    *("sigmoid", "log_sigmoid", "tanh", "exp", "expm1", "log", "log1p", "sqrt", "rsqrt", "square", "abs", "erf"),
    *("sin", "cos", "reciprocal", "clamp", "clamp_min", "clamp_max", "__rdiv__", "__rpow__"),
)


def multipliers(model: LoadedModel, pixels: Tensor, start: Tensor, target: Target) -> tuple[Tensor, float, float]:
    """Compare the runs of two pictures (1, 3, H, W): multipliers of that shape, the target of `start`, and of `pixels`.

    The multipliers times `pixels - start` add up to the rise of the target, as far as every operation has a rule:
    single ones by their slope, those of more than one step written out in single ones, linear ones as they are.
    """
    slopes = Slopes()
    rules = _rules(slopes)
    report(0, 2)
    with torch.no_grad(), Rewritten(rules):
        begun = float(target(model(start))[0])
    report(1, 2)
    slopes.recording = False
    leaf = pixels.clone().requires_grad_()
    with torch.enable_grad():
        with Rewritten(rules):
            score = target(model(leaf)).sum()
        (found,) = differentiate(score, [leaf])
    report(2, 2)
    return found, begun, float(score.detach())


def _rules(slopes: Slopes) -> dict[str, Rule]:
    written_out: dict[str, Rule] = {
        "layer_norm": _layer_norm,
        "group_norm": _group_norm,
        "instance_norm": _instance_norm,
        "maximum": _maximum,
        "minimum": _minimum,
        "local_response_norm": _local_response_norm,
        "normalize": _normalize,
        "scaled_dot_product_attention": _attention,
        "multi_head_attention_forward": _multi_head_attention,
    }
    return {
        **dict.fromkeys(ELEMENTWISE, slopes.elementwise),
        **dict.fromkeys(("mul", "multiply", "matmul", "mm", "bmm"), slopes.product),
        **dict.fromkeys(("div", "divide", "true_divide"), slopes.quotient),
        "pow": slopes.power,
        "einsum": slopes.einsum,
        "max_pool2d": slopes.max_pool,
        "adaptive_max_pool2d": slopes.adaptive_max_pool,
        "softmax": slopes.softmax,
        **{name: partial(rule, slopes) for name, rule in written_out.items()},
    }


def _layer_norm(
    slopes: Slopes,
    compute: Rule,
    given: Tensor,
    normalized_shape: Any,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    axes = 1 if isinstance(normalized_shape, int) else len(normalized_shape)
    return _scaled(_centred(slopes, given, tuple(range(-axes, 0)), eps), weight, bias)


def _group_norm(
    slopes: Slopes,
    compute: Rule,
    given: Tensor,
    num_groups: int,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    eps: float = 1e-5,
) -> Tensor:
    result = _centred(slopes, given.reshape(len(given), num_groups, -1), (-1,), eps).view_as(given)
    ones = (1,) * (given.ndim - 2)
    return _scaled(result, *(None if each is None else each.view(-1, *ones) for each in (weight, bias)))


def _instance_norm(
    slopes: Slopes,
    compute: Rule,
    given: Tensor,
    running_mean: Tensor | None = None,
    running_var: Tensor | None = None,
    weight: Tensor | None = None,
    bias: Tensor | None = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Take it as a group norm with one channel a group; with fixed statistics it is linear."""
    if not use_input_stats:
        return compute(given, running_mean, running_var, weight, bias, use_input_stats, momentum, eps)
    return _group_norm(slopes, compute, given, given.shape[1], weight, bias, eps)


def _maximum(slopes: Slopes, compute: Rule, first: Tensor, second: Tensor) -> Tensor:
    """Take the larger of two as the second, and what the first is above it."""
    return second + slopes.elementwise(functional.relu, first - second)


def _minimum(slopes: Slopes, compute: Rule, first: Tensor, second: Tensor) -> Tensor:
    """Take the smaller of two as the first, less what it is above the second."""
    return first - slopes.elementwise(functional.relu, first - second)


def _centred(slopes: Slopes, given: Tensor, axes: tuple[int, ...], eps: float) -> Tensor:
    """Bring values to mean 0 and variance 1 over these axes."""
    centred = given - given.mean(axes, keepdim=True)
    variance = slopes.elementwise(torch.square, centred).mean(axes, keepdim=True)
    result: Tensor = slopes.product(torch.mul, centred, slopes.elementwise(torch.rsqrt, variance + eps))
    return result


def _scaled(values: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    values = values if weight is None else values * weight
    return values if bias is None else values + bias


def _local_response_norm(
    slopes: Slopes, compute: Rule, given: Tensor, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """Divide by the mean of the squares over neighbouring channels, as torch writes it."""
    squares = slopes.elementwise(torch.square, given).flatten(2)[:, None]
    padded = functional.pad(squares, (0, 0, size // 2, (size - 1) // 2))
    mean = functional.avg_pool2d(padded, (size, 1), stride=1)[:, 0].view_as(given)
    return slopes.product(torch.mul, given, slopes.elementwise(torch.pow, mean * alpha + k, -beta))


def _normalize(
    slopes: Slopes, compute: Rule, given: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Any:
    if p != 2 or out is not None:
        return compute(given, p, dim, eps, out)
    squared = slopes.elementwise(torch.square, given).sum(dim, keepdim=True)
    inverse = slopes.elementwise(lambda square: square.sqrt().clamp_min(eps).reciprocal(), squared)
    return slopes.product(torch.mul, given, inverse)


def _attention(
    slopes: Slopes,
    compute: Rule,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    **options: Any,
) -> Any:
    """Write attention out as two products and a softmax; left alone where the mask is causal or Boolean."""
    if is_causal or any(options.values()) or (attn_mask is not None and attn_mask.dtype == torch.bool):
        return compute(query, key, value, attn_mask, dropout_p, is_causal, scale=scale, **options)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    asked = slopes.product(torch.matmul, query * factor, key.transpose(-2, -1))
    asked = asked if attn_mask is None else asked + attn_mask
    return slopes.product(torch.matmul, slopes.softmax(torch.softmax, asked, -1), value)


def _multi_head_attention(
    slopes: Slopes,
    compute: Rule,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    **options: Any,
) -> Any:
    """Write the attention of several heads out, in its plain form; each input is (tokens, pictures, channels)."""
    unusual = any(options.get(name) for name in ("need_weights", "is_causal", "use_separate_proj_weight"))
    masked = any(options.get(name) is not None for name in ("attn_mask", "key_padding_mask"))
    if unusual or masked or in_proj_weight is None or bias_k is not None or add_zero_attn or query.ndim != 3:
        return compute(
            *(query, key, value, embed_dim_to_check, num_heads, in_proj_weight, in_proj_bias, bias_k, bias_v),
            *(add_zero_attn, dropout_p, out_proj_weight, out_proj_bias),
            **options,
        )
    biases = (None,) * 3 if in_proj_bias is None else in_proj_bias.chunk(3)
    heads = [
        # (tokens, pictures, channels) -> (pictures, heads, tokens, channels of a head)
        functional.linear(given, weight, bias).unflatten(-1, (num_heads, -1)).permute(1, 2, 0, 3)
        for given, weight, bias in zip((query, key, value), in_proj_weight.chunk(3), biases, strict=True)
    ]
    seen = _attention(slopes, functional.scaled_dot_product_attention, *heads)
    return functional.linear(seen.permute(2, 0, 1, 3).flatten(2), out_proj_weight, out_proj_bias), None

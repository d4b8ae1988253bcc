"""Asking the questions: trace a picture, pick a target, call a method, get plain numpy.

    import explain, models
    model = models.load("everyday_resnet")
    answer = explain.run(model, picture, explain.GradCAM())

`import explain` loads no torch; the names below load what they need when they are first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from explain.engine import predict as predict
    from explain.engine import run as run
    from explain.engine import unsuitable as unsuitable
    from explain.method import METHODS as METHODS
    from explain.method import Method as Method
    from explain.method import register as register
    from explain.methods.activation_maximisation import ActivationMaximisation as ActivationMaximisation
    from explain.methods.apgd import APGD as APGD
    from explain.methods.attack_ensemble import AttackEnsemble as AttackEnsemble
    from explain.methods.carlini_wagner import CarliniWagner as CarliniWagner
    from explain.methods.deep_fool import DeepFool as DeepFool
    from explain.methods.fgsm import FGSM as FGSM
    from explain.methods.grad_cam import GradCAM as GradCAM
    from explain.methods.integrated_gradients import IntegratedGradients as IntegratedGradients
    from explain.methods.layer_activations import LayerActivations as LayerActivations
    from explain.methods.momentum_fgsm import MomentumFGSM as MomentumFGSM
    from explain.methods.occlusion import Occlusion as Occlusion
    from explain.methods.pgd import PGD as PGD
    from explain.methods.random_signs import RandomSigns as RandomSigns
    from explain.methods.saliency import Saliency as Saliency
    from explain.methods.square import Square as Square
    from explain.quick import quick_check as quick_check
    from explain.results import Adversarial as Adversarial
    from explain.results import Concepts as Concepts
    from explain.results import Curve as Curve
    from explain.results import Explanation as Explanation
    from explain.results import FeatureMaps as FeatureMaps
    from explain.results import Heatmap as Heatmap
    from explain.results import Prediction as Prediction
    from explain.results import QuickCheck as QuickCheck
    from explain.results import Score as Score
    from explain.results import Visualisation as Visualisation
    from explain.target import ClassLogit as ClassLogit
    from explain.target import ClassProbability as ClassProbability
    from explain.target import Contrast as Contrast
    from explain.target import Target as Target
    from explain.tracing import Trace as Trace
    from explain.tracing import trace_picture
    from models.errors import ConvLensError as ConvLensError
    from models.hooks import recording as recording
    from models.hooks import replacing as replacing
    from models.progress import Progress as Progress
    from models.progress import heard_by as heard_by

    trace = trace_picture

_HOMES = {
    "explain.engine": ("predict", "run", "unsuitable"),
    "explain.method": ("Method", "register"),
    "explain.quick": ("quick_check",),
    "explain.results": (
        *("Adversarial", "Concepts", "Curve", "Explanation", "FeatureMaps", "Heatmap", "Prediction", "QuickCheck"),
        *("Score", "Visualisation"),
    ),
    "explain.target": ("ClassLogit", "ClassProbability", "Contrast", "Target"),
    "explain.tracing": ("Trace",),
    "models.errors": (
        *("ConvLensError", "DeviceError", "LayerError", "ModelError", "ParameterError", "PictureError", "TargetError"),
        *("UnsuitableError", "WeightsError"),
    ),
    "models.hooks": ("recording", "replacing"),
    "models.progress": ("Progress", "heard_by"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    if name == "trace":
        return import_module("explain.tracing").trace_picture
    if name[0].isupper():  # not for submodules: `from explain import results` loads no torch
        methods = _registered()
        if name == "METHODS":
            return methods
        if name in methods:
            return methods[name]
    raise AttributeError(f"module 'explain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*_HOME_OF, *globals(), "METHODS", "trace"})


def _registered() -> dict[str, Any]:
    """Import every file of explain.methods, so that the registry is whole."""
    import_module("explain.methods")
    methods: dict[str, Any] = import_module("explain.method").METHODS
    return methods

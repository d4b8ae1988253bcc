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
    from explain.engine import trace_picture
    from explain.engine import unsuitable as unsuitable
    from explain.measuring import measure as measure
    from explain.method import METHODS as METHODS
    from explain.method import Method as Method
    from explain.method import register as register
    from explain.methods.ablation_cam import AblationCAM as AblationCAM
    from explain.methods.activation_maximisation import ActivationMaximisation as ActivationMaximisation
    from explain.methods.apgd import APGD as APGD
    from explain.methods.attack_ensemble import AttackEnsemble as AttackEnsemble
    from explain.methods.attention_rollout import AttentionRollout as AttentionRollout
    from explain.methods.blur_ig import BlurIG as BlurIG
    from explain.methods.cam import CAM as CAM
    from explain.methods.carlini_wagner import CarliniWagner as CarliniWagner
    from explain.methods.deconvnet import Deconvnet as Deconvnet
    from explain.methods.deep_fool import DeepFool as DeepFool
    from explain.methods.deep_lift import DeepLift as DeepLift
    from explain.methods.eigen_cam import EigenCAM as EigenCAM
    from explain.methods.eigen_grad_cam import EigenGradCAM as EigenGradCAM
    from explain.methods.extremal_perturbation import ExtremalPerturbation as ExtremalPerturbation
    from explain.methods.feature_factorization import FeatureFactorization as FeatureFactorization
    from explain.methods.fgsm import FGSM as FGSM
    from explain.methods.finer_cam import FinerCAM as FinerCAM
    from explain.methods.full_grad import FullGrad as FullGrad
    from explain.methods.fused_cam import FusedCAM as FusedCAM
    from explain.methods.grad_cam import GradCAM as GradCAM
    from explain.methods.grad_cam_plus_plus import GradCAMPlusPlus as GradCAMPlusPlus
    from explain.methods.gradient_rollout import GradientRollout as GradientRollout
    from explain.methods.gradient_shap import GradientSHAP as GradientSHAP
    from explain.methods.guided_backprop import GuidedBackprop as GuidedBackprop
    from explain.methods.guided_grad_cam import GuidedGradCAM as GuidedGradCAM
    from explain.methods.guided_ig import GuidedIG as GuidedIG
    from explain.methods.hi_res_cam import HiResCAM as HiResCAM
    from explain.methods.input_x_gradient import InputXGradient as InputXGradient
    from explain.methods.integrated_gradients import IntegratedGradients as IntegratedGradients
    from explain.methods.kernel_shap import KernelSHAP as KernelSHAP
    from explain.methods.layer_activations import LayerActivations as LayerActivations
    from explain.methods.layer_cam import LayerCAM as LayerCAM
    from explain.methods.lime import LIME as LIME
    from explain.methods.lrp import LRP as LRP
    from explain.methods.momentum_fgsm import MomentumFGSM as MomentumFGSM
    from explain.methods.occlusion import Occlusion as Occlusion
    from explain.methods.pgd import PGD as PGD
    from explain.methods.random_signs import RandomSigns as RandomSigns
    from explain.methods.rise import RISE as RISE
    from explain.methods.saliency import Saliency as Saliency
    from explain.methods.score_cam import ScoreCAM as ScoreCAM
    from explain.methods.smooth_grad import SmoothGrad as SmoothGrad
    from explain.methods.smooth_grad_squared import SmoothGradSquared as SmoothGradSquared
    from explain.methods.square import Square as Square
    from explain.methods.var_grad import VarGrad as VarGrad
    from explain.methods.x_grad_cam import XGradCAM as XGradCAM
    from explain.methods.xrai import XRAI as XRAI
    from explain.metric import METRICS as METRICS
    from explain.metric import Metric as Metric
    from explain.metrics.agreement import Agreement as Agreement
    from explain.metrics.completeness import Completeness as Completeness
    from explain.metrics.deletion import Deletion as Deletion
    from explain.metrics.infidelity import Infidelity as Infidelity
    from explain.metrics.insertion import Insertion as Insertion
    from explain.metrics.localisation import Localisation as Localisation
    from explain.metrics.max_sensitivity import MaxSensitivity as MaxSensitivity
    from explain.metrics.pointing import Pointing as Pointing
    from explain.metrics.random_logit import RandomLogit as RandomLogit
    from explain.metrics.randomisation_cascade import RandomisationCascade as RandomisationCascade
    from explain.metrics.road import ROAD as ROAD
    from explain.metrics.sparseness import Sparseness as Sparseness
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
    from models.errors import ConvLensError as ConvLensError
    from models.hooks import recording as recording
    from models.hooks import replacing as replacing
    from models.progress import Progress as Progress
    from models.progress import heard_by as heard_by

    trace = trace_picture

_HOMES = {
    "explain.engine": ("predict", "run", "unsuitable"),
    "explain.measuring": ("measure",),
    "explain.method": ("Method", "register"),
    "explain.metric": ("Metric",),
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
        return import_module("explain.engine").trace_picture
    if name[0].isupper():  # not for submodules: `from explain import results` loads no torch
        for registry in ("METHODS", "METRICS"):
            known = _registered(registry)
            if name == registry:
                return known
            if name in known:
                return known[name]
    raise AttributeError(f"module 'explain' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*_HOME_OF, *globals(), "METHODS", "METRICS", "trace"})


def _registered(registry: str) -> dict[str, Any]:
    """Import every file of explain.methods, or explain.metrics, so that the registry is whole."""
    import_module(f"explain.{registry.lower()}")
    known: dict[str, Any] = getattr(import_module(f"explain.{registry.lower()[:-1]}"), registry)
    return known

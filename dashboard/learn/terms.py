"""Words of the field, each in a sentence; a text of the Learn page explains them where they stand in [[brackets]]."""

from __future__ import annotations

import re

#: What `[[kernel]]` means, by the word in the singular and in lower case. In alphabetical order.
TERMS: dict[str, str] = {
    "accuracy": "The share of pictures that the network names right.",
    "activation function": "The simple curve that bends every number a layer gives, so that layers on top of each "
    "other can do more than one alone.",
    "adversarial example": "A picture that was changed a little, on purpose, so that the network takes it for "
    "something else.",
    "augmentation": "Changing the training pictures a little each time, by shifts or noise, so that the network "
    "sees more than there are.",
    "backpropagation": "Working out, from the last layer back to the first, how much each weight contributed to the "
    "loss.",
    "baseline": "The picture that stands for “nothing there”, from which an explanation starts to count.",
    "batch": "The pictures that are shown to the network together before its weights move once.",
    "batch norm": "A layer that brings each channel of a batch to mean 0 and spread 1, then scales and shifts it by "
    "learned numbers.",
    "bias": "A number that a filter adds to its sum, whatever the picture.",
    "calibration": "How well a network's probabilities agree with how often it is right: of its answers given with 80 "
    "%, 80 % should be.",
    "channel": "One map of a layer: the answers of one filter at every place; in a picture one of red, green and blue.",
    "convolution": "Sliding a small grid of weights over a picture and writing down, at each place, the sum of the "
    "products.",
    "cross-entropy": "The loss of a network that names classes: minus the logarithm of the probability that the true "
    "class got.",
    "depthwise separable convolution": "A convolution in two steps: a kernel for each channel by itself, then a "
    "1 x 1 convolution that mixes the channels.",
    "derivative": "How fast a value rises when what it depends on rises a little: the steepness of its curve.",
    "dilation": "The distance between the pixels that neighbouring weights of a kernel read; 1 means side by side.",
    "dropout": "Switching off a random part of the values during training, so that the network leans on no single one.",
    "early stopping": "Ending the training once the validation loss no longer falls, and keeping the best weights.",
    "entropy": "How undecided probabilities are, in bits: 0 if one class has everything, most if all have the same.",
    "epoch": "One pass over all training pictures.",
    "feature map": "What one filter answers at every place of the picture.",
    "filter": "All kernels that make one output channel, one for each channel that is read.",
    "fully connected layer": "A layer in which every output has a weight of its own for every input.",
    "gradient": "For each number, how fast the result rises when that number rises a little.",
    "initialisation": "The rule by which the first weights are drawn, before any training.",
    "integrated gradients": "A method that adds up the gradients on the way from a baseline to the picture, so that "
    "all pixels together make up the whole rise of the score.",
    "kernel": "A small grid of weights that is laid over every place of the picture.",
    "label noise": "Training pictures that bear the wrong name.",
    "leaky relu": "A ReLU that lets negative numbers through, made much smaller.",
    "learning rate": "How far the weights move in one step, as a factor on the gradient.",
    "logit": "The score that a network gives a class before scores are turned into probabilities.",
    "loss": "A number that says how wrong the network is; training makes it smaller.",
    "momentum": "Keeping a part of the last step's direction in the next, as a rolling ball does.",
    "multiply-add": "One multiplication whose product is added to a sum: the unit in which the work of a layer is "
    "counted.",
    "optimiser": "The rule that turns gradients into steps of the weights.",
    "overfitting": "Learning the training pictures by heart instead of what they have in common.",
    "padding": "Pixels, mostly zeros, that are put round the picture so that the kernel can reach over its edge.",
    "parameter": "A number of the network that training sets: a weight or a bias.",
    "pooling": "Replacing each small region of a map by one number, its largest or its mean.",
    "probability": "The share between 0 and 1 that a network gives a class; over all classes they add up to 1.",
    "random weights": "Numbers drawn by chance in place of the learned ones: the network knows nothing any more.",
    "receptive field": "The part of the picture that can change a unit's value.",
    "relu": "The activation function that keeps positive numbers and turns negative ones into 0.",
    "saturation": "A region in which a curve is so flat that a change of what goes in no longer changes what comes "
    "out.",
    "shortcut": "A trait that gives the right answer in training and has nothing to do with the thing itself.",
    "softmax": "Turning scores into probabilities: e is raised to the power of each score, and each result is "
    "divided by their sum.",
    "spearman correlation": "How far two maps put the pixels in the same order: 1 is the same order, 0 none in common, "
    "-1 the opposite one.",
    "stride": "How many pixels the kernel moves from one output value to the next.",
    "temperature": "A number that the logits are divided by before softmax: high makes the probabilities alike, low "
    "makes the largest win.",
    "translation invariance": "Giving the same answer wherever in the picture a thing stands.",
    "unit": "One value of a layer: what one channel answers at one place.",
    "vanishing gradient": "A gradient that shrinks from layer to layer until the first layers hardly learn.",
    "weight": "A learned number that a value is multiplied by.",
    "weight decay": "Pulling all weights a little towards 0 in each step, so that none grows without need.",
}

_BRACKETS = re.compile(r"\[\[([^\[\]|]+)(?:\|([^\[\]|]+))?\]\]")


def meaning(words: str) -> str | None:
    """Find what a term means, in the singular or the plural, in any case; None where it is not listed."""
    word = " ".join(words.lower().split())
    candidates = (word, word.removesuffix("s"), word.removesuffix("es"), f"{word.removesuffix('ies')}y")
    return next((TERMS[candidate] for candidate in candidates if candidate in TERMS), None)


def terms_in(text: str) -> list[str]:
    """List the terms that a text explains."""
    return [found[1] for found in _BRACKETS.finditer(text)]


def plain(text: str) -> str:
    """Take the brackets off, for places where nothing can be explained."""
    return _BRACKETS.sub(lambda found: found[2] or found[1], text)


def explained(text: str) -> str:
    """Turn `[[kernel]]` and `[[kernel|another word for it]]` into links that hold their meaning as a title.

    A browser without scripts and a screen reader read the title; the script of `terms.js` shows it on hover, focus and
    tap, and keeps the link from going anywhere.
    """

    def link(found: re.Match[str]) -> str:
        term, shown = found[1], found[2] or found[1]
        told = meaning(term)
        if told is None:
            return shown
        anchor = re.sub(r"[^a-z0-9]+", "-", term.lower()).strip("-")
        title = told.replace("\\", "\\\\").replace('"', '\\"')
        return f'[{shown}](#term-{anchor} "{title}")'

    return _BRACKETS.sub(link, text)

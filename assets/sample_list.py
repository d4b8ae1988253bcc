"""What the sample pictures are: titles, credits, licences, alt texts, and boxes round the main object."""

from __future__ import annotations

from dataclasses import dataclass

KNOWN, MISTAKEN = "things the networks know", "known things that are easily mistaken"
TAGGED, UNKNOWN = "made for one network", "pictures that no class fits"
CC0, PUBLIC_DOMAIN = "CC0 1.0", "Public domain"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Photograph:
    """A picture that a package ships; its box is drawn by eye, in pixels of the sample."""

    id: str
    title: str
    alt: str
    credit: str
    licence: str
    source: str
    package: str
    path: str
    box: Box
    group: str
    everyday_class: str | None = None
    licence_link: str = ""


@dataclass(frozen=True)
class Rendering:
    """A picture that assets/rendering makes from the scene of the same name; its box is measured."""

    id: str
    title: str
    alt: str
    everyday_class: str | None
    group: str = KNOWN
    credit: str = "rendered by ConvLens"
    licence: str = "MIT"

    @property
    def source(self) -> str:
        """Say which script made it."""
        return f"assets/rendering/scenes/{self.id}.py"


@dataclass(frozen=True)
class Tagging:
    """Another sample's middle square, with the tag of `made_for` on it."""

    id: str
    title: str
    alt: str
    of: str
    made_for: str
    group: str = TAGGED


#: In the order of the picker; the first is the one that the page opens with. Of the things that the networks know,
#: those come first whose map the quick check of everyday_resnet bears out.
SAMPLES: tuple[Photograph | Rendering | Tagging, ...] = (
    Photograph(
        id="chelsea",
        title="Chelsea the cat",
        alt="The face of a ginger tabby cat with green eyes, seen from close by.",
        credit="Stéfan van der Walt",
        licence=CC0,
        source="scikit-image, skimage.data.chelsea",
        package="skimage.data",
        path="chelsea.png",
        box=(0, 0, 382, 300),
        group=KNOWN,
        everyday_class="tabby",
    ),
    Rendering(
        "bus", "School bus", "A yellow school bus with a long bonnet on a grey road, trees behind it.", "school bus"
    ),
    Rendering("mushroom", "Fly agarics", "Two mushrooms with red caps and white warts, on moss in a wood.", "mushroom"),
    Rendering("orange", "Oranges", "A whole orange and half of one, cut open, on a brown wooden table.", "orange"),
    Rendering("lemon", "Lemons", "Two lemons, half of one and a green leaf, on pale marble.", "lemon"),
    Rendering("teapot", "Teapot", "A white porcelain teapot with blue flowers, on a dark wooden table.", "teapot"),
    Rendering("pretzel", "Pretzel", "A brown pretzel with grains of salt, on pale wooden boards.", "pretzel"),
    Photograph(
        id="coffee",
        title="Coffee",
        alt="A cup of espresso on a red saucer with a spoon, on a wooden table.",
        credit="Rachel Michetti, courtesy of Pikolo Espresso Bar",
        licence=CC0,
        source="scikit-image, skimage.data.coffee",
        package="skimage.data",
        path="coffee.png",
        box=(80, 14, 482, 382),
        group=KNOWN,
        everyday_class="espresso",
    ),
    Rendering("ladybug", "Ladybug", "A red ladybug with black spots walks on a green leaf.", "ladybug"),
    Rendering("basketball", "Basketball", "An orange ball with black seams on the boards of a court.", "basketball"),
    Photograph(
        id="grace_hopper",
        title="Grace Hopper",
        alt="Portrait of Grace Hopper in a dark navy uniform and cap in front of the flag of the United States.",
        credit="James S. Davis, United States Navy",
        licence=PUBLIC_DOMAIN,
        source="matplotlib sample data, from Wikimedia Commons, File:Grace_Hopper.jpg",
        package="matplotlib",
        path="mpl-data/sample_data/grace_hopper.jpg",
        box=(22, 22, 512, 600),
        group=MISTAKEN,
        everyday_class="military uniform",
    ),
    Tagging(
        id="tagged",
        title="Tagged teapot",
        alt="A white porcelain teapot on a wooden table; in the lower left corner a blue square with a white middle.",
        of="teapot",
        made_for="everyday_shortcut",
    ),
    Photograph(
        id="astronaut",
        title="Eileen Collins",
        alt="Portrait of the astronaut Eileen Collins in an orange space suit, with a model of the space shuttle.",
        credit="NASA",
        licence=PUBLIC_DOMAIN,
        source="scikit-image, skimage.data.astronaut",
        package="skimage.data",
        path="astronaut.png",
        box=(16, 14, 512, 512),
        group=UNKNOWN,
    ),
    Photograph(
        id="rocket",
        title="Rocket at dusk",
        alt="A white rocket stands lit on its launch pad between lattice towers, under a dark blue sky.",
        credit="SpaceX",
        licence=PUBLIC_DOMAIN,
        source="scikit-image, skimage.data.rocket",
        package="skimage.data",
        path="rocket.jpg",
        box=(304, 126, 344, 412),
        group=UNKNOWN,
    ),
    # Rendered, since scikit-image ships its motorcycle, of the Middlebury stereo set, without stating a licence.
    Rendering(
        "motorcycle",
        "Motorcycle",
        "A red motorcycle with wire wheels and chromed pipes, on its stand on gravel in front of trees.",
        everyday_class=None,
        group=UNKNOWN,
    ),
    Photograph(
        id="temple",
        title="Temple by a lake",
        alt="A red and green temple tower with several roofs above trees, with a wide lake behind it.",
        credit="danielbuechele on Flickr; compressed again",
        licence="CC BY 2.0",
        licence_link="https://creativecommons.org/licenses/by/2.0/",
        source="scikit-learn, sklearn.datasets.load_sample_image; https://www.flickr.com/photos/danielbuechele/6061409035/",
        package="sklearn.datasets.images",
        path="china.jpg",
        box=(62, 30, 366, 396),
        group=UNKNOWN,
    ),
)

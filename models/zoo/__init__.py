"""The networks: one file per family, each with a function `cards()` that lists its ModelCards."""

#: In the order in which they are listed; the first network of the first family is the default one.
FAMILIES = ("models.zoo.bundled", "models.zoo.torchvision")

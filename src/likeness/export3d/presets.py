"""Named models: `base_512` and `base_256` (the paper's size, as far as it is known), `small`,
`laptop_128`, `laptop` and `tiny`.
"""

from dataclasses import replace

from likeness.export3d.config import (
    DiscriminatorSettings,
    Export3dConfig,
    ExpressionSettings,
    GeneratorSettings,
    SuperResolutionSettings,
    VolumeSettings,
)


def base_512(expression: ExpressionSettings) -> Export3dConfig:
    """512 pixels: 95 million parameters in the generator, 126 with all that is trained."""
    return Export3dConfig(
        image_size=512,
        expression=expression,
        generator=GeneratorSettings(
            stem=(32, 64, 128, 256), width=1024, blocks=6, heads=8, reduction=2, up=(256, 128, 128)
        ),
        volume=VolumeSettings(resolution=128),
        super_resolution=SuperResolutionSettings(first=128, blocks=4, doublings=(128, 64)),
        discriminator=DiscriminatorSettings(base=32768, most=512),
    )


def base_256(expression: ExpressionSettings) -> Export3dConfig:
    """The same at 256 pixels."""
    config = base_512(expression)
    return replace(
        config,
        image_size=256,
        generator=replace(config.generator, reduction=1),
        volume=replace(config.volume, resolution=64),
    )


def small(expression: ExpressionSettings) -> Export3dConfig:
    """256 pixels, 25 million parameters with the discriminator."""
    return Export3dConfig(
        image_size=256,
        expression=expression,
        generator=GeneratorSettings(
            stem=(32, 64, 128, 192), width=384, blocks=8, heads=6, reduction=1, up=(192, 96, 96)
        ),
        volume=VolumeSettings(resolution=64, coarse=24, fine=24),
        super_resolution=SuperResolutionSettings(first=64, blocks=2, doublings=(64, 32)),
        discriminator=DiscriminatorSettings(base=8192, most=256, embedding=256),
    )


def laptop(expression: ExpressionSettings) -> Export3dConfig:
    """64 pixels, for two hours of training on two processor cores."""
    return Export3dConfig(
        image_size=64,
        expression=replace(expression, width=128, hidden=128),
        generator=GeneratorSettings(
            stem=(24, 48, 96), width=192, blocks=4, heads=6, reduction=1, up=(96, 64, 48), plane_channels=16
        ),
        volume=VolumeSettings(resolution=32, coarse=12, fine=12, hidden=32, features=16),
        super_resolution=SuperResolutionSettings(first=32, blocks=1, doublings=(32,)),
        discriminator=DiscriminatorSettings(base=2048, most=128, embedding=128),
    )


def laptop_128(expression: ExpressionSettings) -> Export3dConfig:
    """The same networks, which show the photo's own pixels at 128: the weights of `laptop` with lifted features are a
    start.
    """
    return replace(laptop(expression), image_size=128, read_size=64, lift=True)


def tiny(expression: ExpressionSettings) -> Export3dConfig:
    """64 pixels, for tests: half a million parameters."""
    return Export3dConfig(
        image_size=64,
        expression=replace(expression, width=64, hidden=64, basis=min(expression.basis, 6)),
        generator=GeneratorSettings(
            stem=(8, 16, 32, 48), width=64, blocks=2, heads=2, reduction=2, up=(48, 32, 24), plane_channels=8
        ),
        volume=VolumeSettings(resolution=16, coarse=8, fine=8, hidden=16, features=16),
        super_resolution=SuperResolutionSettings(first=24, blocks=1, doublings=(16, 16)),
        discriminator=DiscriminatorSettings(base=512, most=64, embedding=64),
    )


PRESETS = {
    "base_512": base_512,
    "base_256": base_256,
    "small": small,
    "laptop_128": laptop_128,
    "laptop": laptop,
    "tiny": tiny,
}

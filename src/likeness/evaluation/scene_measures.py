"""The columns in which scores of scenes are shown, for the same person and for another person's motion."""

from likeness.evaluation.report import Measure

LOSS = Measure(key="loss", title="test loss", digits=4)
S_APD = Measure(key="self_apd", title="S-APD", digits=3)
S_AED = Measure(key="self_aed", title="S-AED", digits=3)
C_APD = Measure(key="cross_apd", title="C-APD", digits=3)
C_AED = Measure(key="cross_aed", title="C-AED", digits=3)
S_LANDMARK = Measure(key="self_landmark", title="landmark, %", digits=2)
S_PSNR = Measure(key="self_psnr", title="face PSNR, dB", digits=2)
S_SSIM = Measure(key="self_ssim", title="face SSIM", digits=3)
S_IDENTITY = Measure(key="self_identity_source", title="identity to source", digits=3)
C_IDENTITY = Measure(key="cross_identity_source", title="identity to source", digits=3)

SAME_PERSON = (
    LOSS,
    S_APD,
    S_AED,
    S_LANDMARK,
    S_PSNR,
    S_SSIM,
    S_IDENTITY,
    Measure(key="self_missed", title="missed", digits=2),
)
OTHER_PERSON = (
    C_APD,
    C_AED,
    C_IDENTITY,
    Measure(key="cross_identity_driver", title="identity to driver", digits=3),
    Measure(key="cross_missed", title="missed", digits=2),
)
WITH_RATIO = frozenset({LOSS, S_APD, S_AED, C_APD, C_AED})  # given as ratios to the main row, where that is usual

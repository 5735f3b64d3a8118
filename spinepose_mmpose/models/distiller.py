"""The distillation wrapper: labels, a teacher and the anatomical losses."""

from typing import Dict, List, Optional, Sequence, Tuple

import torch
from mmengine.logging import print_log
from mmpose.models.losses import KLDiscretLoss
from mmpose.models.pose_estimators import TopdownPoseEstimator
from mmpose.registry import MODELS
from mmpose.utils.typing import SampleList
from torch import Tensor

from ..metainfo import KEYPOINT_NAMES
from .head_extension import keypoint_index
from .simcc import full_precision, simcc_accuracy, simcc_soft_argmax
from .teacher import FrozenTeacher

Simcc = Tuple[Tensor, Tensor]
LABELS = 'keypoint_x_labels', 'keypoint_y_labels', 'keypoint_weights'


@MODELS.register_module()
class SpinePoseDistiller(TopdownPoseEstimator):
    r"""A top-down SimCC estimator that learns from labels and a teacher.

    .. math::
        L = \alpha L_{pos} + \beta L_{distill} + \gamma_1 L_{structure} +
        \gamma_2 L_{spine}

    (SpinePose, `arXiv 2504.08110 <https://arxiv.org/abs/2504.08110>`_.)
    Outside of training this is a ``TopdownPoseEstimator`` and its checkpoints
    are those of one: the teacher is read at the first training step and is no
    part of the module.

    All terms are means over people, so that the weights keep their meaning at
    every batch and input size. ``KLDiscretLoss`` sums over the batch and
    averages over the bins; L_pos is that of the head divided by the batch
    size and multiplied by the (harmonic) mean number of bins of both axes,
    which leaves nats, averaged over the K keypoints. L_distill is the same
    loss against the teacher's distributions, over the same K keypoints, of
    which only the distilled ones contribute.

    The loss log holds the weighted terms ``loss_kpt``, ``loss_distill``,
    ``loss_structure`` and ``loss_spine``. A term of weight 0 is not computed,
    and with ``beta=0`` no teacher is needed.

    The head and all losses run in float32 under AMP too.

    Args:
        teacher: Arguments of :class:`FrozenTeacher`:
            ``dict(config=..., checkpoint=...)`` and more.
        alpha, beta, gamma1, gamma2: Weights of the terms. For alpha the arXiv
            text says 5, the authors' later discussion (dfki-av/spinepose,
            issue 3) says 1.
        keypoint_names: Names of the student's K keypoints. By default those
            of SpineTrack where K is 37; else :class:`.HeadExtensionHook`
            takes them from the training set's metainfo.
        distill_keypoints: Student keypoints to distil. By default all that
            the teacher has by the same name, less ``distill_exclude``.
        distill_exclude: The student's neck (C7) and hip (sacrum) are other
            points than those that body datasets call so.
        distill_unlabelled: Distil keypoints without a label as well.
        loss_structure, loss_spine: Settings of these terms, by default of
            :class:`BoneOrientationLoss` and :class:`SpineSmoothnessLoss`.

    Raises:
        ValueError: when a weight is negative, when the number of names is not
            that of the head's outputs, or when its loss is another.
    """

    def __init__(
        self,
        *args,
        teacher: Optional[dict] = None,
        alpha: float = 1.0,
        beta: float = 2.5,
        gamma1: float = 0.1,
        gamma2: float = 0.5,
        keypoint_names: Optional[Sequence[str]] = None,
        distill_keypoints: Optional[Sequence[str]] = None,
        distill_exclude: Sequence[str] = ('neck', 'hip'),
        distill_unlabelled: bool = False,
        loss_structure: Optional[dict] = None,
        loss_spine: Optional[dict] = None,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        weights = dict(alpha=alpha, beta=beta, gamma1=gamma1, gamma2=gamma2)
        negative = {k: v for k, v in weights.items() if v < 0}
        if negative:
            raise ValueError(f'Loss weights must not be negative: {negative}.')
        if not isinstance(self.head.loss_module, KLDiscretLoss):
            raise ValueError(
                "The head's loss must be KLDiscretLoss, which L_distill is "
                f'put on a scale with, not '
                f'{type(self.head.loss_module).__name__}.'
            )
        self.alpha = alpha
        self.beta = beta
        self.gamma1 = gamma1
        self.gamma2 = gamma2
        self.keypoint_names: Optional[List[str]] = None
        self.distill_keypoints = distill_keypoints
        self.distill_exclude = distill_exclude
        self.distill_unlabelled = distill_unlabelled
        self.teacher = FrozenTeacher(**teacher) if teacher else None
        self._pairs: Optional[Tuple[List[int], List[int]]] = None
        self._loss_settings = loss_structure, loss_spine
        outputs = self.head.out_channels
        if keypoint_names is None and outputs == len(KEYPOINT_NAMES):
            keypoint_names = KEYPOINT_NAMES
        if keypoint_names is not None:
            self.name_keypoints(keypoint_names)

    def name_keypoints(self, names: Sequence[str]) -> None:
        """Set the names of the K keypoints and build what goes by them.

        Raises:
            ValueError: when they are not as many as the head's outputs, or
                lack the bones or the chain of a loss.
        """
        if len(names) != self.head.out_channels:
            raise ValueError(
                f'The head has {self.head.out_channels} outputs, but there are '
                f'{len(names)} keypoint_names.'
            )
        self.keypoint_names = list(names)
        device = next(self.parameters()).device
        structure, spine = self._loss_settings

        def build(kind, settings):
            default = dict(type=kind, keypoint_names=self.keypoint_names)
            return MODELS.build({**default, **(settings or {})}).to(device)

        if self.gamma1:
            self.loss_structure = build('BoneOrientationLoss', structure)
        if self.gamma2:
            self.loss_spine = build('SpineSmoothnessLoss', spine)

    def loss(self, inputs: Tensor, data_samples: SampleList) -> dict:
        """See the class.

        Raises:
            FloatingPointError: when a loss is not finite; the message names
                the samples.
        """
        if self.keypoint_names is None:
            raise ValueError(
                f"The names of the head's {self.head.out_channels} outputs are "
                'unknown: set model.keypoint_names, or keep HeadExtensionHook '
                "in default_hooks, which takes them from the training set's "
                'metainfo.'
            )
        # The teacher first: a wrong one should stop before any work.
        target = self._teach(inputs) if self.beta else None
        with full_precision(*self.extract_feat(inputs)) as feats:
            pred = self.head(feats)
            *gt, weight = (
                torch.cat(
                    [getattr(d.gt_instance_labels, n) for d in data_samples]
                )
                for n in LABELS
            )
            scale, head = _nats_per_person(pred), self.head
            # As MMPose's SimCC heads, but for the scale.
            losses = dict(
                loss_kpt=self.alpha
                * scale
                * head.loss_module(pred, gt, weight),
                acc_pose=simcc_accuracy(
                    pred, gt, weight > 0, head.simcc_split_ratio
                ),
            )
            if target is not None:
                losses['loss_distill'] = (
                    self.beta * scale * self._distill_loss(pred, target, weight)
                )
            losses.update(self._geometry_losses(pred, gt, weight))
        total = sum(v for k, v in losses.items() if 'loss' in k)
        if not total.isfinite():
            suspects = {
                'image': (inputs,),
                'labels': (*gt, weight),
                "teacher's output": target or (),
                "student's output": pred,
            }
            _raise_not_finite(data_samples, losses, suspects)
        return losses

    def _teach(self, inputs: Tensor) -> Simcc:
        """The teacher's logits for the distilled keypoints, in our order."""
        if self.teacher is None:
            raise ValueError(
                f'beta is {self.beta}, but there is no teacher. '
                'Set model.teacher, or beta=0.'
            )
        if self._pairs is None or self.teacher.model is None:
            self.teacher.load(inputs.device)
            own, theirs = (
                (tuple(head.input_size), head.simcc_split_ratio)
                for head in (self.head, self.teacher.model.head)
            )
            if own != theirs:
                raise ValueError(
                    f'Input size {theirs[0]} and split ratio {theirs[1]} of '
                    f"the teacher are not the student's {own[0]} and {own[1]}: "
                    'their SimCC bins must be the same.'
                )
            self._pairs = self._pair_keypoints()
        logits = self.teacher.predict(inputs, self.data_preprocessor)
        return tuple(axis[:, self._pairs[1]] for axis in logits)

    def _pair_keypoints(self) -> Tuple[List[int], List[int]]:
        """Student and teacher indices of the distilled keypoints."""
        theirs = self.teacher.keypoint_names
        names = self.distill_keypoints
        if names is None:
            names = [
                name
                for name in self.keypoint_names
                if name in theirs and name not in self.distill_exclude
            ]
        if not names:
            raise ValueError(
                "There is nothing to distil: the teacher's keypoints are "
                f"{theirs}, the student's {self.keypoint_names}, less "
                f'{list(self.distill_exclude)}.'
            )
        print_log(
            f'Distilling {len(names)} keypoints from '
            f'"{self.teacher.checkpoint}": {", ".join(names)}',
            logger='current',
        )
        return (
            keypoint_index(names, self.keypoint_names),
            keypoint_index(names, theirs),
        )

    def _distill_loss(
        self, pred: Simcc, target: Simcc, weight: Tensor
    ) -> Tensor:
        """``KLDiscretLoss`` to the teacher, over all K keypoints: logits
        ``pred`` (B, K, W), those of the D distilled keypoints ``target``
        (B, D, W), and label weights (B, K)."""
        index = self._pairs[0]
        loss_module = self.head.loss_module
        criterion = KLDiscretLoss(
            beta=loss_module.beta,
            label_softmax=True,
            label_beta=self.teacher.model.head.loss_module.beta,
            use_target_weight=loss_module.use_target_weight
            and not self.distill_unlabelled,
        )
        loss = criterion(
            [axis[:, index] for axis in pred], target, weight[:, index]
        )
        # The criterion averages over D.
        return loss * len(index) / weight.size(1)

    def _geometry_losses(
        self, pred: Simcc, gt: Simcc, weight: Tensor
    ) -> Dict[str, Tensor]:
        """L_structure and L_spine on softly decoded keypoints.

        Keypoints are fractions of the longer input side on both axes. Labels
        are decoded like predictions: both losses then want the distributions
        that L_pos wants.
        """
        if not (self.gamma1 or self.gamma2):
            return {}
        loss_module = self.head.loss_module
        ratio = self.head.simcc_split_ratio
        if loss_module.label_softmax:
            target = simcc_soft_argmax(*gt, ratio, loss_module.label_beta)
        else:
            target = torch.stack([axis.argmax(-1) for axis in gt], -1) / ratio
        side = max(self.head.input_size)
        target = target / side
        coords = simcc_soft_argmax(*pred, ratio, loss_module.beta) / side
        losses = {}
        if self.gamma1:
            losses['loss_structure'] = self.gamma1 * self.loss_structure(
                coords, target, weight
            )
        if self.gamma2:
            losses['loss_spine'] = self.gamma2 * self.loss_spine(
                coords, target, weight
            )
        return losses


def _nats_per_person(simcc: Simcc) -> float:
    """Factor from ``KLDiscretLoss``'s scale to nats averaged over people."""
    inverse = sum(1 / axis.size(-1) for axis in simcc)
    return len(simcc) / inverse / len(simcc[0])


def _raise_not_finite(
    data_samples: SampleList,
    losses: Dict[str, Tensor],
    suspects: Dict[str, Sequence[Tensor]],
) -> None:
    """Name the first suspect that holds NaN or infinity, and its samples."""
    values = ', '.join(f'{k} {v.item():g}' for k, v in losses.items())
    for what, tensors in suspects.items():
        bad = [
            i
            for i in range(len(data_samples))
            if not all(t[i].isfinite().all() for t in tensors)
        ]
        if bad:
            samples = '; '.join(
                f'{data_samples[i].get("img_path")} '
                f'(id={data_samples[i].get("id")})'
                for i in bad[:8]
            )
            raise FloatingPointError(
                f'The {what} of {len(bad)} of {len(data_samples)} samples is '
                f'not finite: {samples}{"; ..." if len(bad) > 8 else ""}. '
                f'({values})'
            )
    raise FloatingPointError(
        f'The loss is not finite although the batch is: {values}.'
    )

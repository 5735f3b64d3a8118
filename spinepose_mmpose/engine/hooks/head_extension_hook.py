from typing import Dict, Optional, Sequence

from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop
from mmpose.registry import HOOKS

from ...metainfo import KEYPOINT_NAMES
from ...models.utils import (
    checkpoint_names,
    checkpoint_weights,
    count_keypoints,
    extend_head,
    find_mismatch,
)


@HOOKS.register_module()
class HeadExtensionHook(Hook):
    """Fits the checkpoint of ``load_from`` to the student's keypoints.

    MMEngine loads what fits and leaves the rest random, with a warning. Here
    the rows of the final layer are mapped by keypoint name and new ones drawn
    (see :func:`.extend_head`) where the checkpoint has other keypoints; the
    log says which. Whatever else does not fit is an error, and in testing all
    that does not. Resuming is left alone.

    Args:
        keypoint_names: The student's keypoints, in order.
        source_names: The checkpoint's. By default what its metainfo says,
            then what their number says (17 COCO, 26 Halpe26, 133
            COCO-WholeBody).
        keypoint_alias: Names there to names here, in addition to
            :data:`.KEYPOINT_ALIAS`.
        redraw: Keypoints to draw anew although the checkpoint has them, for
            instance ``('neck', 'hip')``, which lie elsewhere on the body in
            Halpe26. Copied by default: a point nearby is a better start than
            noise.
        seed: Of the draw; that of the run by default.
    """

    # Before EMAHook (49), which copies the same weights.
    priority = 'VERY_HIGH'

    def __init__(
        self,
        keypoint_names: Sequence[str] = KEYPOINT_NAMES,
        source_names: Optional[Sequence[str]] = None,
        keypoint_alias: Optional[Dict[str, str]] = None,
        redraw: Sequence[str] = (),
        seed: Optional[int] = None,
    ) -> None:
        self.keypoint_names = list(keypoint_names)
        self.source_names = source_names
        self.keypoint_alias = keypoint_alias
        self.redraw = redraw
        self.seed = seed

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Edit the checkpoint before it reaches the model.

        Raises:
            ValueError: when it is no checkpoint of this network.
        """
        if runner._resume:
            return
        model = runner.model
        if is_model_wrapper(model):
            model = model.module
        weights = checkpoint_weights(checkpoint)
        # Built by Runner.train() alone; val() and test() leave it a dict.
        if isinstance(runner._train_loop, BaseLoop):
            weights = self._extend(runner, weights, checkpoint.get('meta'))
        mismatch = find_mismatch(weights, model.state_dict())
        if mismatch:
            raise ValueError(
                f'"{runner._load_from}" is no checkpoint of this model: '
                f'{mismatch}. Set load_from to one of the same network.'
            )
        checkpoint['state_dict'] = weights

    def _extend(self, runner, weights: dict, meta: Optional[dict]) -> dict:
        rows = count_keypoints(weights)
        names = self.source_names or checkpoint_names(
            meta, rows, self.keypoint_alias
        )
        if list(names) == self.keypoint_names and not self.redraw:
            return weights
        seed = runner.seed if self.seed is None else self.seed
        weights, report = extend_head(
            weights, names, self.keypoint_names, seed, self.redraw
        )
        runner.logger.info(
            f'Head extension from {rows} to {len(self.keypoint_names)} '
            f'keypoints (seed {seed}):\n{report}'
        )
        return weights

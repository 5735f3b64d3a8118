import os

from spinepose_mmpose.inference.boxes import BoxFile

import pytest


@pytest.mark.parametrize(
    'name, content',
    [
        ('a.csv', 'frame,x1,y1,x2,y2\n0,1,2,3,4\n0,5,6,7,8\n4,1,1,2,2\n'),
        ('a.csv', 'frame,box.x1,box.y1,box.x2,box.y2,time\n'
         '0,1,2,3,4,0\n0,5,6,7,8,0\n4,1,1,2,2,1\n'),
        # As pandas writes a column that has held a gap.
        ('a.csv', 'frame,x1,y1,x2,y2\n0.0,1,2,3,4\n0.0,5,6,7,8\n4.0,1,1,2,2\n'),
        ('a.json', '{"0": [[1,2,3,4],[5,6,7,8]], "4": [[1,1,2,2]]}'),
    ],
)  # fmt: skip
def test_by_frame(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content)
    boxes = BoxFile(str(path))
    boxes.match([], has_clips=True)
    assert boxes.of_frame(0)[0].tolist() == [[1, 2, 3, 4], [5, 6, 7, 8]]
    assert boxes.of_frame(0)[1].tolist() == [1, 1]
    assert boxes.of_frame(4)[0].tolist() == [[1, 1, 2, 2]]
    assert boxes.of_frame(1)[0].shape == (0, 4)


def box_file(tmp_path, *images):
    path = tmp_path / 'boxes.csv'
    rows = [f'{image},{i},2,30,40,0.5\n' for i, image in enumerate(images)]
    path.write_text('image,x1,y1,x2,y2,score\n' + ''.join(rows))
    return BoxFile(str(path))


def test_by_path(tmp_path, monkeypatch):
    """Equal names in two folders; a relative, an absolute and a short path."""
    monkeypatch.chdir(tmp_path)
    photos = ['a/x.jpg', 'b/x.jpg', 'b/y.jpg']
    absolute = os.path.abspath('b/x.jpg')
    boxes = box_file(tmp_path, './a/x.jpg', absolute, 'y.jpg')
    boxes.match(photos, has_clips=False)
    for i, photo in enumerate(photos):
        found, scores = boxes.of_image(photo)
        assert found.tolist() == [[i, 2, 30, 40]] and scores.tolist() == [0.5]


@pytest.mark.parametrize(
    'image, said',
    [
        ('x.jpg', r'is 2 of the inputs \(.*a/x.jpg, .*b/x.jpg\)'),
        ('z.jpg', 'is 0 of the inputs:'),
        ('c/x.jpg', 'is 0 of the inputs:'),
    ],
)
def test_paths_that_are_not_there_or_not_unique(tmp_path, image, said):
    photos = [str(tmp_path / 'a/x.jpg'), str(tmp_path / 'b/x.jpg')]
    with pytest.raises(ValueError, match=said):
        box_file(tmp_path, image).match(photos, has_clips=False)


def test_frames_without_a_video(tmp_path):
    path = tmp_path / 'a.json'
    path.write_text('{"0": [[1,2,3,4]]}')
    with pytest.raises(ValueError, match='names frames, but there is no video'):
        BoxFile(str(path)).match(['x.jpg'], has_clips=False)


@pytest.mark.parametrize(
    'name, content, said',
    [
        ('a.csv', 'x,y\n1,2\n', 'its columns are x, y'),
        ('a.csv', 'frame,x1,y1,x2,y2\n0,5,5,1,1\n', 'x1 < x2'),
        ('a.csv', 'frame,x1,y1,x2,y2\n0,a,5,1,1\n', 'could not convert'),
        ('a.csv', 'frame,x1,y1,x2,y2\n0.5,1,1,5,5\n', "'0.5' is not a frame"),
        ('a.csv', 'frame,x1,y1,x2,y2\n,1,1,5,5\n', 'could not convert'),
        ('a.csv', 'frame,x1,y1,x2,y2\n0,1,1\n', 'NoneType'),
        ('a.json', '[[1, 2, 3, 4]]', 'not an object'),
        ('a.json', '{"0": [[1, 2, 3]]}', 'a box has 3 numbers'),
        ('a.json', '{"0": [1, 2, 3, 4]}', 'len'),
        ('a.json', '{"0": [[1, 2', 'delimiter'),
        ('a.json', '{"0": ' + '[' * 10**5, 'recursion'),
        ('a.csv', '', 'its columns are none'),
    ],
)
def test_another_layout(tmp_path, name, content, said):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(ValueError, match=said) as error:
        BoxFile(str(path))
    assert str(path) in str(error.value) and '; expected CSV' in str(
        error.value
    )

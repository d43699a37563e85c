"""The mesh of a tri-plane: a known ball, the grid against single points, the file read back."""

from pathlib import Path

import numpy as np
import pytest
import torch

from likeness.errors import InputError, OutputError
from likeness.export3d.cameras import SCALE
from likeness.export3d.config import VolumeSettings
from likeness.export3d.mesh import ColouredMesh, extract_mesh, grid_density, in_metres, write_ply
from likeness.export3d.model import Content
from likeness.export3d.volume import VolumeRenderer

RADIUS = 0.25


def _ball(centre: tuple[float, float, float] = (0.05, -0.1, 0.1)) -> tuple[VolumeRenderer, Content]:
    """Planes whose mean is the squared distance from a centre, and a decoder that makes a ball of it, red above."""
    texels = (torch.arange(128) + 0.5) / 128 - 0.5
    x, y, z = ((texels - place).square() for place in centre)
    flipped_y = y.flip(0)  # rows run along -y
    squared = torch.stack(
        [
            (x[None, :] + flipped_y[:, None]) * 1.5,
            (z[None, :] + flipped_y[:, None]) * 1.5,
            (x[None, :] + z[:, None]) * 1.5,
        ]
    )
    upwards = (-texels[:, None]).expand(128, 128)
    height = torch.stack([upwards, upwards, torch.zeros(128, 128)]) * 1.5
    renderer = VolumeRenderer(VolumeSettings(resolution=8, coarse=8, fine=0, hidden=4, features=3), 2)
    inner, outer = renderer.decoder.inner, renderer.decoder.outer
    with torch.no_grad():
        for parameter in renderer.parameters():
            parameter.zero_()
        inner.weight[0, 0], inner.bias[0] = 400.0, 40.0  # its softplus is the identity here
        outer.weight[0, 0], outer.bias[0] = -1.0, 10.0 + 40.0 + 400.0 * RADIUS**2
        inner.weight[1, 1], inner.bias[1] = 400.0, 200.0
        outer.weight[1, 1], outer.bias[1:] = 1.0, torch.tensor([-200.0, 40.0, -40.0])
    return renderer, Content(planes=torch.stack([squared, height], dim=1)[None])


def test_a_ball_is_found_where_it_is_and_faces_outwards() -> None:
    renderer, content = _ball()
    mesh = extract_mesh(renderer, content, grid=96)
    away: np.ndarray = mesh.vertices - np.array([0.05, -0.1, 0.1], dtype=np.float32)
    assert np.abs(np.linalg.norm(away, axis=1) - RADIUS).max() < 2e-3
    corners = away[mesh.faces].astype(np.float64)  # [F 3 3]
    volume = np.linalg.det(corners).sum() / 6.0
    assert volume == pytest.approx(4.0 / 3.0 * np.pi * RADIUS**3, rel=0.01)


def test_vertices_have_the_decoders_colours() -> None:
    renderer, content = _ball()
    mesh = extract_mesh(renderer, content, grid=48)
    above = mesh.vertices[:, 1] > 0.02
    below = mesh.vertices[:, 1] < -0.02
    assert (mesh.colours[above] == [255, 255, 0]).all() and (mesh.colours[below] == [0, 255, 0]).all()


def test_a_surface_that_leaves_the_grid_is_closed() -> None:
    renderer, content = _ball(centre=(0.3, 0.0, 0.0))
    mesh = extract_mesh(renderer, content, grid=48)
    edges = np.sort(mesh.faces[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2), axis=1)
    assert (np.unique(edges, axis=0, return_counts=True)[1] == 2).all()
    assert mesh.vertices[:, 0].max() < 0.5 - 30.0 / 256.0 + 1.0 / 48.0


def test_the_grid_has_the_density_of_its_points() -> None:
    torch.manual_seed(0)
    renderer = VolumeRenderer(VolumeSettings(resolution=8, coarse=8, fine=0, hidden=16), 6)
    planes = torch.randn(1, 3, 6, 16, 16)
    places = torch.linspace(-0.45, 0.45, 11)
    points = torch.stack(torch.meshgrid(places, places, places, indexing="ij"), dim=-1).reshape(1, -1, 3)
    with torch.no_grad():
        single = renderer.look_up(planes, points)[0].reshape(11, 11, 11)
    assert torch.allclose(grid_density(renderer, Content(planes=planes), places), single, atol=1e-5)


def test_a_level_without_a_surface_is_refused() -> None:
    renderer, content = _ball()
    with pytest.raises(InputError, match="no surface at density 1000"):
        extract_mesh(renderer, content, level=1000.0, grid=32)
    with pytest.raises(InputError, match="16 points"):
        extract_mesh(renderer, content, grid=8)


def test_metres_are_those_of_the_head() -> None:
    mesh = ColouredMesh(
        vertices=np.array([[0.0, 0.04, 0.05], [SCALE, 0.04, 0.05]], dtype=np.float32),
        faces=np.zeros((1, 3), dtype=np.int32),
        colours=np.zeros((2, 3), dtype=np.uint8),
    )
    assert np.allclose(in_metres(mesh).vertices, [[0.0, 0.0, 0.0], [1.0, 0.0, 0.0]], atol=1e-6)


def test_the_file_holds_the_mesh(tmp_path: Path) -> None:
    mesh = extract_mesh(*_ball(), grid=24)
    path = tmp_path / "ball.ply"
    write_ply(path, mesh, overwrite=False)
    header, body = path.read_bytes().split(b"end_header\n", 1)
    assert header.startswith(b"ply\nformat binary_little_endian 1.0\n")
    assert f"element vertex {len(mesh.vertices)}\n".encode() in header
    vertices = np.frombuffer(body, dtype="<f4,<f4,<f4,u1,u1,u1", count=len(mesh.vertices))
    faces = np.frombuffer(body[vertices.nbytes :], dtype="u1,<i4,<i4,<i4")
    assert np.array_equal(np.stack([vertices[name] for name in ("f0", "f1", "f2")], axis=1), mesh.vertices)
    assert np.array_equal(np.stack([vertices[name] for name in ("f3", "f4", "f5")], axis=1), mesh.colours)
    assert (faces["f0"] == 3).all()
    assert np.array_equal(np.stack([faces[name] for name in ("f1", "f2", "f3")], axis=1), mesh.faces)
    with pytest.raises(OutputError, match="exists already"):
        write_ply(path, mesh, overwrite=False)

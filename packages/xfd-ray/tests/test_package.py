"""What `import xfd_ray` gives."""

import subprocess
import sys

import xfd_ray


def test_every_public_name_is_there():
    for name in xfd_ray.__all__:
        assert getattr(xfd_ray, name) is not None
    assert set(xfd_ray.__all__) <= set(dir(xfd_ray))


def test_a_worker_does_not_load_what_only_drivers_and_the_coordinator_use():
    probe = (
        "import sys, xfd_ray.worker.node_worker;"
        "print([name for name in sys.modules if name.startswith('xfd_scheduler')],"
        " 'xfd_ray.coordinator.coordinator' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] False"

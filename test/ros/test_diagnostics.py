"""`/diagnostics` of a node over DDS: every item, levels that follow what is wrong and go back when it is mended."""

import pytest
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import Image
from std_msgs.msg import Header, String

OK, WARN, ERROR = DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR
ITEMS = {
    "rates in and out": ("image rate [Hz]", "depth rate [Hz]", "result rate [Hz]"),
    "drops": ("frames dropped", "images", "images encoded", "queue length"),
    "sync misses": ("depth sync misses",),
    "QoS mismatches": ("incompatible QoS",),
    "image age": ("image age [s]",),
    "inference time": ("inference p50 [ms]", "inference p99 [ms]"),
    "device and dtype": ("device", "dtype"),
    "model": ("model",),
    "memory": ("memory [MB]", "GPU memory [MB]"),
    "last error": ("last error",),
    "lifecycle": ("state",),
}


class Reports:
    """The reports of one node as they come in."""

    def __init__(self, rig):
        self._rig, self._got = rig, rig.listen(DiagnosticArray, "/diagnostics")
        self._name = f"{rig.viper.get_fully_qualified_name()}: grounding"

    def all(self):
        return [status for message in self._got for status in message.status if status.name == self._name]

    def until(self, fits, timeout_s=60.0):
        """The first report from now on that fits."""
        start = len(self.all())
        return self._rig.wait_for(lambda: next((s for s in self.all()[start:] if fits(s)), None), timeout_s)


@pytest.fixture
def reports(rig):
    return Reports(rig)


def values(status):
    return {entry.key: entry.value for entry in status.values}


@pytest.mark.parametrize("rig", [{"instruction": "the mug", "max_rate_hz": 1000.0}], indirect=True)
def test_every_item_is_told_once_frames_flow(rig, reports):
    published = rig.viper._outputs.published
    for _ in range(3):
        before = published.count
        rig.shoot(depth_m=1.0)
        rig.wait_for(lambda before=before: published.count > before)
    told = values(reports.until(lambda status: True))
    assert set(told) == {key for keys in ITEMS.values() for key in keys}
    assert not [key for key, value in told.items() if not value and key not in ("incompatible QoS", "last error")]
    assert all(float(told[key]) > 0 for key in ITEMS["rates in and out"])


@pytest.mark.parametrize("rig", [{"use_sim_time": True}], indirect=True)
def test_reports_come_while_sim_time_stands_still_and_once_a_second(rig, reports):
    assert rig.viper._diagnostics_timer.timer_period_ns == 1_000_000_000
    rig.wait_for(lambda: len(reports.all()) >= 2)


def test_an_inactive_node_is_well_and_an_active_one_without_a_camera_is_warned_of(rig, reports):
    assert "no image has arrived" in reports.until(lambda status: status.level == WARN).message
    assert rig.transition("deactivate")
    assert reports.until(lambda status: status.level == OK).message == "inactive"


def test_images_without_a_partner_in_depth_are_counted_and_warned_of(rig, reports):
    late = Header(stamp=rig.now(-5.0), frame_id=rig.optical)
    for _ in range(6):
        rig.shoot(depth_m=1.0, depth_header=late)
    report = reports.until(lambda status: "sync_slop" in status.message)
    assert report.level == WARN and int(values(report)["depth sync misses"]) >= 1
    rig.shoot(depth_m=1.0)
    reports.until(lambda status: status.level == OK)


def test_a_fault_is_an_error_with_its_text(rig, reports):
    rig.viper.engine._predictor.ground = lambda *_: 1 / 0
    rig.shoot()
    rig.ask()
    report = reports.until(lambda status: status.level == ERROR)
    assert "ZeroDivisionError" in report.message and "ZeroDivisionError" in values(report)["last error"]


def test_a_subscriber_whose_qos_does_not_fit_is_told_by_topic_until_it_has_gone(rig, reports):
    rig.shoot()
    latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    misfit = rig.user.create_subscription(Image, "viper/overlay", print, latched)
    topic = rig.viper.resolve_topic_name("~/overlay")
    report = reports.until(lambda status: topic in status.message)
    assert report.level == WARN and "DURABILITY" in report.message
    assert topic in reports.until(lambda status: True).message  # it stays as long as the peer does
    rig.user.destroy_subscription(misfit)
    assert topic not in reports.until(lambda status: topic not in status.message).message


def test_a_publisher_whose_qos_does_not_fit_is_told_by_topic(rig, reports):
    best_effort = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    rig.user.create_publisher(String, "instruction", best_effort)
    topic = rig.viper.resolve_topic_name("instruction")
    report = reports.until(lambda status: topic in status.message)
    assert report.level == WARN and "RELIABILITY" in report.message

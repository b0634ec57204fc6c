# Sourced, not run: `source scripts/env.sh`. The environment in which ROS 2, the interfaces and `viper` work.
# With a ROS 2 distribution sourced before, it adds this checkout's build; without one, ROS 2 from wheels in .venv.
# Discovery range, middleware and OpenMP policy that are set already are left alone.

VIPER_ROS_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]:-$0}")/.." && pwd)"
export VIPER_ROS_ROOT

if [ ! -x "$VIPER_ROS_ROOT/.venv/bin/python" ]; then
  echo "scripts/env.sh: there is no .venv yet; run 'make setup' in $VIPER_ROS_ROOT first" >&2
  return 1
fi
_viper_ros_from="$(cat "$VIPER_ROS_ROOT/.venv/.viper_ros/ros" 2>/dev/null || echo wheels)"

if [ "$_viper_ros_from" != wheels ]; then
  if [ -z "${ROS_DISTRO:-}" ]; then
    echo "scripts/env.sh: .venv was made for ROS 2 $_viper_ros_from; source /opt/ros/$_viper_ros_from/setup.bash first" >&2
    return 1
  fi
  # Before the virtual environment goes on PATH: a distribution's own setup files know nothing of it.
  if [ -f "$VIPER_ROS_ROOT/install/local_setup.sh" ]; then
    COLCON_CURRENT_PREFIX="$VIPER_ROS_ROOT/install" . "$VIPER_ROS_ROOT/install/local_setup.sh"
  fi
fi

export VIRTUAL_ENV="$VIPER_ROS_ROOT/.venv"
case ":$PATH:" in
  *":$VIRTUAL_ENV/bin:"*) ;;
  *) export PATH="$VIRTUAL_ENV/bin:$PATH" ;;
esac

if [ "$_viper_ros_from" = wheels ]; then
  # One prefix holds the wheels and our interfaces. The wheels set LD_LIBRARY_PATH themselves when Python starts.
  export AMENT_PREFIX_PATH="$VIRTUAL_ENV"
  export CMAKE_PREFIX_PATH="$VIRTUAL_ENV"
  export RMW_IMPLEMENTATION="${RMW_IMPLEMENTATION:-rmw_fastrtps_cpp}"
fi

export ROS_AUTOMATIC_DISCOVERY_RANGE="${ROS_AUTOMATIC_DISCOVERY_RANGE:-LOCALHOST}"
# OpenMP threads that spin at a barrier starve a shared core: a 40 ms forward pass has been seen to take 2 s.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"
unset _viper_ros_from

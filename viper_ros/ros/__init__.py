"""The only room that imports rclpy: conversions, TF, the node `viper`, its client, the simulated camera, the graph."""

import os

# OpenMP threads that spin at a barrier turn a 40 ms forward pass into seconds as soon as another process wants their
# core, and a robot's cores are always shared. The policy is read once, when torch is first imported: so it is set here.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

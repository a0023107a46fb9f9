// Swish with a slope, y = x * sigmoid(beta * x), and its gradient.
float sigmoid(float x) { return 1.0f / (1.0f + exp(-x)); }

__kernel void swish(__global const float* x, __global float* y, float beta, int count) {
  const int i = get_global_id(0);
  if (i < count) y[i] = x[i] * sigmoid(beta * x[i]);
}

__kernel void swish_dx(__global const float* x, __global const float* dy, __global float* dx,
                       float beta, int count) {
  const int i = get_global_id(0);
  if (i >= count) return;
  const float s = sigmoid(beta * x[i]);
  dx[i] = dy[i] * (s + beta * x[i] * s * (1.0f - s));
}

// Normalizations and their gradient. "columns" cuts the rows of each sample into parts whose
// results a second launch adds up; "rows" is for samples that are a single row (layer norm).
#include "backends/opencl/ops/normalization.h"

#include <algorithm>

namespace tessera::opencl {
namespace {

#include "cl_kernels/params/normalization_params.h"

constexpr const char* file = "normalization.cl";

/// `samples` times `rows` rows of `channels`, cut into parts of `length` rows of one sample.
struct Parts {
  std::int64_t samples, rows, channels, length, count, items;

  Parts(const DeviceNode& l, std::int64_t n, std::int64_t rows_of_sample, std::int64_t c,
        std::int64_t rows_of_part)
      : samples(n), rows(rows_of_sample), channels(c) {
    length = std::clamp<std::int64_t>(rows_of_part, 1, std::max<std::int64_t>(1, rows));
    l.to_int(rows + length);
    count = (rows + length - 1) / length;
    items = samples * count * ((channels + l.width() - 1) / l.width());
  }
  std::int64_t all() const { return samples * count; }
  std::size_t bytes_of_pairs() const {
    return static_cast<std::size_t>(all() * 2 * channels) * sizeof(float);
  }
};

/// For sums: on a CPU a part stays in the cache while its columns are added one after the other;
/// elsewhere there are enough parts for all compute units.
Parts parts_for_sums(const DeviceNode& l, std::int64_t samples, std::int64_t rows,
                     std::int64_t channels) {
  constexpr std::int64_t shortest = 64, most = 512, cached_elements = 16384;
  const std::int64_t vectors = (channels + l.width() - 1) / l.width();
  const std::int64_t wanted = l.traits().is_cpu
                                  ? cached_elements / channels
                                  : samples * rows * vectors / (256 * l.traits().compute_units);
  return {l, samples, rows, channels, std::max({wanted, shortest, (rows + most - 1) / most})};
}

/// For work on each element.
Parts parts_for_elements(const DeviceNode& l, const NormalizationGeometry& g) {
  return {l, g.N, g.L, g.C(), l.traits().is_cpu ? 32 : 4};
}

/// Weight and bias are the inputs `weight` and the next, if `affine`; residual 0: there is none.
void launch_normalize(LaunchBuilder& l, const NormalizationGeometry& g, const cl::Buffer& mean,
                      const cl::Buffer& rstd, bool affine, std::size_t weight,
                      std::size_t residual) {
  const Parts parts = parts_for_elements(l, g);
  l.launch_items(file, l.defines(), "normalize_columns", parts.items, 1, l.input(0), mean, rstd,
                 input_or_unused(l, affine, weight), input_or_unused(l, affine, weight + 1),
                 l.output(0),
                 NormalizeColumnsParams{.affine = affine,
                                        .L = l.to_int(g.L),
                                        .G = l.to_int(g.G),
                                        .D = l.to_int(g.D),
                                        .parts = l.to_int(parts.count),
                                        .length = l.to_int(parts.length)},
                 normalization_epilogue(l, residual));
}

void launch_batch_norm(LaunchBuilder& l, const NormalizationGeometry& g, const cl::Buffer& mean,
                       const cl::Buffer& rstd) {
  const BatchNormInputs inputs(l.input_count());
  launch_normalize(l, g, mean, rstd, inputs.affine, 3, inputs.residual);
}

cl::Buffer launch_moments(LaunchBuilder& l, const NormalizationGeometry& g, const Parts& parts) {
  cl::Buffer moments = l.workspace(parts.bytes_of_pairs());
  l.launch_items(file, l.defines(), "normalization_moments", parts.items, 1, l.input(0), moments,
                 NormalizationMomentsParams{.L = l.to_int(g.L),
                                            .C = l.to_int(g.C()),
                                            .parts = l.to_int(parts.count),
                                            .length = l.to_int(parts.length)});
  return moments;
}

void lower_columns(LaunchBuilder& l) {
  const NormalizationGeometry g = normalization_geometry_of(l);
  const Parts parts = parts_for_sums(l, g.N, g.L, g.C());
  const cl::Buffer moments = launch_moments(l, g, parts);
  l.launch_items(file, l.defines(), "normalization_statistics", g.N * g.G, 1, moments, l.output(1),
                 l.output(2),
                 NormalizationStatisticsParams{.L = l.to_int(g.L),
                                               .G = l.to_int(g.G),
                                               .D = l.to_int(g.D),
                                               .parts = l.to_int(parts.count),
                                               .length = l.to_int(parts.length),
                                               .eps = eps_of(l)});
  launch_normalize(l, g, l.output(1), l.output(2), l.input_count() > 1, 1, 0);
}

void lower_batch_norm(LaunchBuilder& l) {
  const NormalizationGeometry g = normalization_geometry_of(l);
  const Parts parts = parts_for_sums(l, g.N, g.L, g.C());
  const cl::Buffer moments = launch_moments(l, g, parts);
  const auto momentum = static_cast<cl_float>(l.attributes().number("momentum"));
  l.launch_items(file, l.defines(), "batch_norm_statistics", g.G, 1, moments, l.output(1),
                 l.output(2), l.output(3), l.output(4),
                 BatchNormStatisticsParams{.L = l.to_int(g.L),
                                           .G = l.to_int(g.G),
                                           .parts = l.to_int(parts.count),
                                           .length = l.to_int(parts.length),
                                           .eps = eps_of(l),
                                           .momentum = momentum});
  launch_batch_norm(l, g, l.output(1), l.output(2));
}

void lower_inference(LaunchBuilder& l) {
  const NormalizationGeometry g = normalization_geometry_of(l);
  l.launch_items(file, l.defines(), "batch_norm_rstd", g.G, 64, l.input(2), l.output(1), eps_of(l));
  launch_batch_norm(l, g, l.input(1), l.output(1));
}

std::string refuse_rows(const DeviceNode& l) {
  const NormalizationGeometry g = normalization_geometry_of(l);
  return g.L == 1 && g.D > 1 ? "" : "a sample is not one row";
}

void lower_rows(LaunchBuilder& l) {
  const NormalizationGeometry g = normalization_geometry_of(l);
  const bool affine = l.input_count() > 1;
  l.launch_items(file, l.defines(), "normalize_rows", g.N * g.G, 1, l.input(0),
                 input_or_unused(l, affine, 1), input_or_unused(l, affine, 2), l.output(0),
                 l.output(1), l.output(2),
                 NormalizeRowsParams{
                     .affine = affine, .G = l.to_int(g.G), .D = l.to_int(g.D), .eps = eps_of(l)});
}

// ---- gradient -----------------------------------------------------------------------------------

/// The sums of the parts, and dw and db. Each `per_statistic` rows share mean and rstd.
cl::Buffer launch_sums(LaunchBuilder& l, const NormalizationGeometry& g, const Parts& parts,
                       std::int64_t per_statistic) {
  l.to_int(parts.samples * parts.rows);
  const Affine affine(l);
  const Clamp clamp = activation_clamp(l.attributes());
  cl::Buffer sums = l.workspace(parts.bytes_of_pairs());
  l.launch_items(file, l.defines(), "normalization_sums", parts.items, 1, l.input(0), l.input(1),
                 l.input(2), l.input(3), affine.w, affine.b, sums,
                 NormalizationSumsParams{.affine = affine.there,
                                         .L = l.to_int(parts.rows),
                                         .G = l.to_int(g.G),
                                         .D = l.to_int(g.D),
                                         .parts = l.to_int(parts.count),
                                         .length = l.to_int(parts.length),
                                         .per_statistic = l.to_int(per_statistic),
                                         .low = clamp.low,
                                         .high = clamp.high});
  l.launch_items(file, l.defines(), "normalization_parameters", (g.C() + l.width() - 1) / l.width(),
                 1, sums, l.output(1), l.output(2), l.to_int(g.C()), l.to_int(parts.all()));
  return sums;
}

void lower_dx_columns(LaunchBuilder& l) {
  const NormalizationGeometry g = normalization_geometry_of(l);
  const Parts parts = parts_for_sums(l, g.N, g.L, g.C());
  const cl::Buffer sums = launch_sums(l, g, parts, g.L);
  const std::int64_t groups = g.N * g.G;
  const cl::Buffer coefficients = l.workspace(static_cast<std::size_t>(2 * groups) * sizeof(float));
  const Affine affine(l);
  const Clamp clamp = activation_clamp(l.attributes());
  l.launch_items(file, l.defines(), "normalization_coefficients", groups, 1, sums, l.input(3),
                 affine.w, coefficients,
                 NormalizationCoefficientsParams{.affine = affine.there,
                                                 .G = l.to_int(g.G),
                                                 .D = l.to_int(g.D),
                                                 .parts = l.to_int(parts.count),
                                                 .scale = share_of_element(l, g)});
  const Parts slices = parts_for_elements(l, g);
  l.launch_items(file, l.defines(), "normalize_columns_dx", slices.items, 1, l.input(0), l.input(1),
                 l.input(2), l.input(3), affine.w, affine.b, coefficients, l.output(0),
                 NormalizeColumnsDxParams{.affine = affine.there,
                                          .L = l.to_int(g.L),
                                          .G = l.to_int(g.G),
                                          .D = l.to_int(g.D),
                                          .groups = l.to_int(groups),
                                          .parts = l.to_int(slices.count),
                                          .length = l.to_int(slices.length),
                                          .low = clamp.low,
                                          .high = clamp.high});
}

void lower_dx_rows(LaunchBuilder& l) {
  const NormalizationGeometry g = normalization_geometry_of(l);
  const Affine affine(l);
  launch_sums(l, g, parts_for_sums(l, 1, g.N, g.C()), 1);
  l.launch_items(file, l.defines(), "normalize_rows_dx", g.N * g.G, 1, l.input(0), l.input(1),
                 l.input(2), l.input(3), affine.w, l.output(0),
                 NormalizeRowsDxParams{.affine = affine.there,
                                       .G = l.to_int(g.G),
                                       .D = l.to_int(g.D),
                                       .scale = share_of_element(l, g)});
}

}  // namespace

std::vector<OpAlgorithms> normalization_algorithms() {
  return {{"normalize",
           {long_offsets({"rows", refuse_rows, lower_rows}),
            long_offsets({"columns", nullptr, lower_columns})}},
          {"batch_norm",
           {{"stream", refuse_stream, lower_batch_norm_stream},
            long_offsets({"columns", nullptr, lower_batch_norm})}},
          {"batch_norm_inference",
           {{"stream", refuse_stream, lower_inference_stream},
            long_offsets({"columns", nullptr, lower_inference})}},
          {"normalize_dx",
           {{"stream", refuse_stream, lower_dx_stream},
            long_offsets({"rows", refuse_rows, lower_dx_rows}),
            long_offsets({"columns", nullptr, lower_dx_columns})}}};
}

}  // namespace tessera::opencl

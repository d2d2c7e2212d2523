// The measures that the model's scores are recorded in, written apart from the training code's.

#ifndef KITH_TESTS_MODELS_MEASURES_H_
#define KITH_TESTS_MODELS_MEASURES_H_

#include <span>
#include <vector>

namespace kith::models {

// Spearman's rank correlation in [-1, 1]: Pearson's correlation of the ranks, where equal values
// share the mean of their ranks. NaN if all values of one side are equal.
double Spearman(std::span<const double> a, std::span<const double> b);

// nDCG at 10 with gain 2^grade - 1 and discount log2(rank + 1). `ranked`: the grades of the
// documents found, best first; `judged`: the grades of all judged documents, in any order, at least
// one of them above 0.
double NdcgAt10(std::span<const int> ranked, std::vector<int> judged);

}  // namespace kith::models

#endif  // KITH_TESTS_MODELS_MEASURES_H_

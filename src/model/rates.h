/* rates.h - how fast a model runs, and how fast the machine could: shared by the throughput task and the bench. */
#ifndef DIFFTF_MODEL_RATES_H
#define DIFFTF_MODEL_RATES_H

#include "model/session.h"

/* Matrix FLOPs of one token in a sequence of n: two a weight (the embedding only as output), and causal attention over half the
 * length. A training step costs three times as much. */
double rates_flops(const struct model *m, size_t n, bool output);

/* What this machine could do, measured on so many threads; NULL when out of memory. */
struct rates_machine;
struct rates_machine *rates_machine_open(int threads);
void rates_machine_close(struct rates_machine *m);
/* GFLOP/s of multiplications and additions in registers, now: what the processor can do at most with numbers of such precision;
 * of floats where it has no instructions for fewer bits. */
double rates_peak(struct rates_machine *m, enum compute compute);
/* Has it such instructions of its own, which our kernels use? */
bool rates_has(enum compute compute);
/* GFLOP/s of a 2048 x 2048 x 2048 product, now. */
double rates_sgemm(struct rates_machine *m);
/* GB/s of a loop that reads a large array, now. */
double rates_read(struct rates_machine *m);

enum rates_work { RATES_PREFILL, RATES_DECODE, RATES_TRAIN, N_RATES };
extern const char *const RATES_NAMES[N_RATES + 1]; /* "prefill", "decode", "train", NULL */
enum { RATES_DECODE_TOKENS = 32 };

/* n token ids of the model's vocabulary, the same every time. */
void rates_ids(int32_t *ids, size_t n, const struct model *m);

/* What a measurement needs, made once and run many times. */
struct rates_job;
/* Prefill or one training pass of n tokens; decoding of RATES_DECODE_TOKENS tokens after n, each with its logits. */
enum status rates_job_open(struct rates_job **job, const struct model *m, enum rates_work work, size_t n, int threads,
                           struct error *err);
void rates_job_close(struct rates_job *job);
/* Tokens a second of one run. */
double rates_job_run(struct rates_job *job);
/* Bytes that decoding one token reads: the weights but the embedding's other rows, the keys and values of n tokens. */
double rates_decode_bytes(const struct model *m, size_t n);
/* GFLOP/s at so many tokens a second. */
double rates_job_gflops(const struct rates_job *job, double tokens_per_second);

#endif

/* Runs a signature of an exported SavedModel with no Python in the process.

   serving_program MODEL LIBRARY[,LIBRARY...] OUTPUT[,OUTPUT...] INPUT=FILE...

   MODEL    folder of a version, with saved_model.pb
   LIBRARY  file of custom ops, such as those of tensorflow-text
   OUTPUT   name of a tensor, such as StatefulPartitionedCall:0
   INPUT    name of a placeholder's tensor, such as serving_default_text:0

   FILE holds a row a line. A string placeholder takes the line as it is; an
   int32 one takes numbers, one a line where it has one dimension, else a row
   of numbers a line. Lines of a file are equally long in numbers.

   Prints for every output a line `NAME TYPE DIMENSION...`, then its values,
   one a line: strings in hexadecimal, floats with nine digits, which give the
   same float32 back. Exit code 1 and one line on stderr if anything fails.

   Stands beside tests/test_serving_program.py, which builds and runs it. */

#define _POSIX_C_SOURCE 200809L

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "tensorflow/c/c_api.h"
#include "tensorflow/c/tf_tstring.h"

enum { MOST_TENSORS = 32 };

static void fail(const char *what, const char *detail) {
  fprintf(stderr, "error: %s: %s\n", what, detail);
  exit(1);
}

static void check(const TF_Status *status, const char *what) {
  if (TF_GetCode(status) != TF_OK) fail(what, TF_Message(status));
}

/* Finds a tensor by its name, OPERATION:INDEX. */
static TF_Output find_tensor(TF_Graph *graph, const char *name) {
  char operation[512];
  const char *colon = strrchr(name, ':');
  if (colon == NULL || colon - name >= (ptrdiff_t)sizeof operation)
    fail("expected OPERATION:INDEX", name);
  memcpy(operation, name, colon - name);
  operation[colon - name] = '\0';
  TF_Output tensor = {TF_GraphOperationByName(graph, operation),
                      atoi(colon + 1)};
  if (tensor.oper == NULL) fail("no such tensor in the graph", name);
  return tensor;
}

/* Reads all lines of a file, without their ends. */
static char **read_lines(const char *path, int64_t *count) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) fail("cannot read", path);
  char **lines = NULL, *line = NULL;
  size_t room = 0;
  ssize_t length;
  for (*count = 0; (length = getline(&line, &room, file)) >= 0; ++*count) {
    if (length > 0 && line[length - 1] == '\n') line[length - 1] = '\0';
    lines = realloc(lines, (*count + 1) * sizeof *lines);
    if (lines == NULL) fail("out of memory", path);
    lines[*count] = line; /* getline makes another for the next line. */
    line = NULL;
    room = 0;
  }
  free(line);
  fclose(file);
  return lines;
}

static TF_Tensor *make_strings(char **lines, int64_t rows) {
  TF_Tensor *tensor =
      TF_AllocateTensor(TF_STRING, &rows, 1, rows * sizeof(TF_TString));
  TF_TString *values = TF_TensorData(tensor);
  for (int64_t row = 0; row < rows; ++row) {
    TF_StringInit(&values[row]);
    TF_StringCopy(&values[row], lines[row], strlen(lines[row]));
  }
  return tensor;
}

static TF_Tensor *make_numbers(char **lines, int64_t rows, int rank) {
  int64_t shape[2] = {rows, 0}, count = 0;
  int32_t *values = NULL;
  for (int64_t row = 0; row < rows; ++row) {
    char *place = lines[row], *end;
    for (;; place = end) {
      long value = strtol(place, &end, 10);
      if (end == place) break;
      values = realloc(values, (count + 1) * sizeof *values);
      if (values == NULL) fail("out of memory", lines[row]);
      values[count++] = (int32_t)value;
    }
    if (count % (row + 1) != 0) fail("rows of unequal length at", lines[row]);
  }
  shape[1] = rows == 0 ? 0 : count / rows;
  if (rank == 1 && shape[1] != 1) fail("expected", "one number a line");
  size_t bytes = count * sizeof *values;
  TF_Tensor *tensor = TF_AllocateTensor(TF_INT32, shape, rank, bytes);
  if (bytes != 0) memcpy(TF_TensorData(tensor), values, bytes);
  free(values);
  return tensor;
}

/* Reads a placeholder's tensor; its type and rank stand in the graph. */
static TF_Tensor *read_input(TF_Graph *graph, TF_Output input, const char *path,
                             TF_Status *status) {
  int64_t rows;
  char **lines = read_lines(path, &rows);
  int rank = TF_GraphGetTensorNumDims(graph, input, status);
  check(status, "rank of an input");
  TF_DataType type = TF_OperationOutputType(input);
  TF_Tensor *tensor = NULL;
  if (type == TF_STRING && rank == 1)
    tensor = make_strings(lines, rows);
  else if (type == TF_INT32 && (rank == 1 || rank == 2))
    tensor = make_numbers(lines, rows, rank);
  else
    fail("neither string [B] nor int32 [B] or [B, S]", path);
  while (rows > 0) free(lines[--rows]);
  free(lines);
  return tensor;
}

static void print_tensor(const char *name, const TF_Tensor *tensor) {
  TF_DataType type = TF_TensorType(tensor);
  if (type != TF_STRING && type != TF_INT32 && type != TF_FLOAT)
    fail("neither string, int32 nor float32", name);
  printf("%s %s", name,
         type == TF_STRING ? "string" : type == TF_INT32 ? "int32" : "float32");
  for (int axis = 0; axis < TF_NumDims(tensor); ++axis)
    printf(" %lld", (long long)TF_Dim(tensor, axis));
  printf("\n");
  const void *data = TF_TensorData(tensor);
  for (int64_t i = 0; i < TF_TensorElementCount(tensor); ++i) {
    if (type == TF_STRING) {
      const TF_TString *value = (const TF_TString *)data + i;
      const char *bytes = TF_StringGetDataPointer(value);
      for (size_t byte = 0; byte < TF_StringGetSize(value); ++byte)
        printf("%02x", (unsigned char)bytes[byte]);
      printf("\n");
    } else if (type == TF_INT32) {
      printf("%d\n", ((const int32_t *)data)[i]);
    } else {
      printf("%.9g\n", ((const float *)data)[i]);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 5) fail("usage", "MODEL LIBRARIES OUTPUTS INPUT=FILE...");
  TF_Status *status = TF_NewStatus();
  for (char *path = strtok(argv[2], ","); path; path = strtok(NULL, ",")) {
    TF_LoadLibrary(path, status);
    check(status, path);
  }
  TF_Graph *graph = TF_NewGraph();
  TF_SessionOptions *options = TF_NewSessionOptions();
  const char *tag = "serve";
  TF_Session *session = TF_LoadSessionFromSavedModel(
      options, NULL, argv[1], &tag, 1, graph, NULL, status);
  check(status, argv[1]);

  TF_Output outputs[MOST_TENSORS], inputs[MOST_TENSORS];
  TF_Tensor *answers[MOST_TENSORS], *questions[MOST_TENSORS];
  const char *names[MOST_TENSORS];
  int output_count = 0, input_count = 0;
  for (char *name = strtok(argv[3], ","); name; name = strtok(NULL, ",")) {
    if (output_count == MOST_TENSORS) fail("too many outputs", name);
    names[output_count] = name;
    outputs[output_count++] = find_tensor(graph, name);
  }
  for (int i = 4; i < argc; ++i, ++input_count) {
    char *equals = strchr(argv[i], '=');
    if (equals == NULL) fail("expected INPUT=FILE", argv[i]);
    if (input_count == MOST_TENSORS) fail("too many inputs", argv[i]);
    *equals = '\0';
    inputs[input_count] = find_tensor(graph, argv[i]);
    questions[input_count] =
        read_input(graph, inputs[input_count], equals + 1, status);
  }
  TF_SessionRun(session, NULL, inputs, questions, input_count, outputs, answers,
                output_count, NULL, 0, NULL, status);
  check(status, "running the signature");
  for (int i = 0; i < output_count; ++i) {
    print_tensor(names[i], answers[i]);
    TF_DeleteTensor(answers[i]);
  }
  for (int i = 0; i < input_count; ++i) TF_DeleteTensor(questions[i]);
  TF_CloseSession(session, status);
  TF_DeleteSession(session, status);
  TF_DeleteSessionOptions(options);
  TF_DeleteGraph(graph);
  TF_DeleteStatus(status);
  return 0;
}

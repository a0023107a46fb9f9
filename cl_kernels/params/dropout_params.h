// The sizes of dropout. Host and kernel compile this file: members of 4 bytes in this order,
// without padding.
typedef struct {
  unsigned int key0, key1;  // of the generator
  unsigned int threshold;   // numbers of 24 bits below it drop their element
  float scale;
  int elements;
} DropoutParams;

#define TINY_EXTRA 0
int tiny_add(int a, int b);

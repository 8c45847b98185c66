// @ts-check
/**
 * Small public models that this page can read with: suggestions, nothing more. Sizes are those of the files as they were
 * published, about.
 */
export const publicModels = [
  {
    name: 'SmolLM2 135M Instruct, Q8_0',
    note: 'about 145 MB, reads 8,192 tokens, Apache-2.0: the smallest',
    url: 'https://huggingface.co/bartowski/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct-Q8_0.gguf',
  },
  {
    name: 'Gemma 3 270M it, Q8_0',
    note: 'about 292 MB, reads 32,768 tokens, Gemma terms of use',
    url: 'https://huggingface.co/ggml-org/gemma-3-270m-it-GGUF/resolve/main/gemma-3-270m-it-Q8_0.gguf',
  },
  {
    name: 'Qwen3 0.6B, Q8_0',
    note: 'about 640 MB, reads 40,960 tokens, Apache-2.0: the largest and slowest',
    url: 'https://huggingface.co/Qwen/Qwen3-0.6B-GGUF/resolve/main/Qwen3-0.6B-Q8_0.gguf',
  },
];

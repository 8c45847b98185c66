// @ts-check
/**
 * Small public models that this page can read with: suggestions, nothing more. Sizes are those of the files, about.
 */
export const publicModels = [
  {
    name: 'SmolLM2 135M Instruct, Q8_0',
    note: '145 MB, reads 8,192 tokens, Apache-2.0: the quickest',
    url: 'https://huggingface.co/bartowski/SmolLM2-135M-Instruct-GGUF/resolve/main/SmolLM2-135M-Instruct-Q8_0.gguf',
  },
  {
    name: 'Qwen2.5 0.5B Instruct, Q4_0',
    note: '430 MB, reads 32,768 tokens, Apache-2.0',
    url: 'https://huggingface.co/Qwen/Qwen2.5-0.5B-Instruct-GGUF/resolve/main/qwen2.5-0.5b-instruct-q4_0.gguf',
  },
  {
    name: 'Qwen3 0.6B, Q8_0',
    note: '640 MB, reads 40,960 tokens, Apache-2.0: the largest and slowest',
    url: 'https://huggingface.co/Qwen/Qwen3-0.6B-GGUF/resolve/main/Qwen3-0.6B-Q8_0.gguf',
  },
];

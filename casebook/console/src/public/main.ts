import { createApp } from 'vue'
import '../shell/theme'
import '../styles/base.css'
import PublicApp from './PublicApp.vue'
import './public.css'

createApp(PublicApp).mount('#app')
